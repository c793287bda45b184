"""One call of cognito-identity, by the AWS JSON protocol 1.1: an object is posted, an object comes.

https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/Welcome.html
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from attrs import field, frozen

from aegis_idp.errors import Unavailable
from aegis_idp.http import Http, Response
from aegis_idp.values import Secret
from aegis_idp_aws.answers import failure
from aegis_idp_aws.cognito.pool import Pool
from aegis_idp_aws.signing import Scope, Session, signed_headers

Json = Mapping[str, object]


@frozen
class Api:
    """Cognito at `url`, in `region`."""

    url: str
    region: str
    http: Http = field(repr=False)

    async def call(
        self, operation: str, document: Json, session: Session | None = None, shown: tuple[Secret, ...] = ()
    ) -> Json:
        """The answer, unsigned without `session`. `shown` are secrets in the document. Raises ProviderError."""
        url, body = f"{self.url}/", json.dumps(document).encode()
        headers: Mapping[str, str] = {
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": f"AWSCognitoIdentityService.{operation}",
        }
        secrets = shown
        if session is not None:
            scope = Scope(self.region, "cognito-identity")
            headers = signed_headers(session, scope, url, headers, body, datetime.now(UTC))
            secrets = (*shown, *session.secrets, Secret(headers["authorization"].rpartition("=")[2]))
        response = await self.http.request("POST", url, headers=headers, body=body)
        what = f"AWS Cognito, {operation}"
        if 200 <= response.status < 300:
            return response.json_object(what)
        raise failure(response, *_error(response), what, secrets)


def cognito(pool: Pool, http: Http) -> Api:
    return Api(pool.url, pool.settings.region, http)


def text_of(answer: Json, name: str, what: str) -> str:
    """The member `name`. Raises Unavailable: without it the answer is none."""
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise Unavailable(f"AWS Cognito, {what}: the answer holds no {name}")
    return value


def texts_of(answer: Json, name: str, what: str) -> tuple[str, ...]:
    """The member `name`, a list of texts; none where there is no such member. Raises Unavailable."""
    values = answer.get(name) or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise Unavailable(f"AWS Cognito, {what}: the answer's {name} is no list of texts")
    return tuple(values)


def _error(response: Response) -> tuple[str, str]:
    """Code and message of an error; of anything else, nothing. The code may be preceded by a namespace and `#`."""
    try:
        answer = response.json_object("")
    except Unavailable:
        return "", ""
    code, message = answer.get("__type"), answer.get("message") or answer.get("Message")
    return (
        code.rpartition("#")[2] if isinstance(code, str) else "",
        message if isinstance(message, str) else "",
    )
