"""One call of STS or IAM, by the AWS Query protocol: a form is posted, XML comes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode
from xml.etree.ElementTree import Element  # a type; answers.py parses

from attrs import field, frozen

from aegis_idp.http import Http
from aegis_idp.values import Secret
from aegis_idp_aws.answers import result_of
from aegis_idp_aws.settings import AwsSettings
from aegis_idp_aws.signing import Scope, Session, signed_headers

FORM = "application/x-www-form-urlencoded; charset=utf-8"


@frozen
class Api:
    """A service at `url`."""

    url: str
    scope: Scope
    version: str
    http: Http = field(repr=False)

    async def call(
        self,
        action: str,
        form: Mapping[str, str],
        session: Session | None = None,
        shown: tuple[Secret, ...] = (),
    ) -> Element:
        """The result of `action`, unsigned without `session`. `shown` are secrets in the form. Raises ProviderError."""
        url = f"{self.url}/"
        body = urlencode({"Action": action, "Version": self.version, **form}).encode()
        headers: Mapping[str, str] = {"content-type": FORM}
        secrets = shown
        if session is not None:
            headers = signed_headers(session, self.scope, url, headers, body, datetime.now(UTC))
            secrets = (*shown, *session.secrets, Secret(headers["authorization"].rpartition("=")[2]))
        response = await self.http.request("POST", url, headers=headers, body=body)
        service = self.scope.service
        namespace = f"https://{service}.amazonaws.com/doc/{self.version}/"
        return result_of(response, action, namespace, f"AWS {service}, {action}", secrets)


def sts(settings: AwsSettings, http: Http) -> Api:
    return Api(settings.sts_url, Scope(settings.region, "sts"), "2011-06-15", http)


def iam(settings: AwsSettings, http: Http) -> Api:
    return Api(settings.iam_url, Scope(settings.partition.iam_region, "iam"), "2010-05-08", http)
