"""A ServiceAccount's own token, asked of the cluster: a pool knows a login by nothing else.

https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
"""

import json
from collections.abc import Mapping

from aegis_api.names import Subject
from aegis_idp.errors import Misconfigured, Refused, Unavailable
from aegis_idp.http import Http
from aegis_idp.values import Secret
from aegis_idp_aws.cognito.pool import EXCHANGE_AUDIENCE

_SHORTEST = 600


async def token_of(subject: Subject, http: Http) -> Secret:
    """A token that is good at the pool alone. Raises ProviderError."""
    if http.api_server is None:
        raise Misconfigured(f"outside of a cluster nobody gives a token of {subject} to sign it in at the pool")
    path = f"/api/v1/namespaces/{subject.namespace}/serviceaccounts/{subject.name}/token"
    what = f"a token of {subject} to sign it in at its pool"
    wanted = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": [EXCHANGE_AUDIENCE], "expirationSeconds": _SHORTEST},
    }
    headers = {"accept": "application/json", "content-type": "application/json"}
    url, body = f"{http.api_server}{path}", json.dumps(wanted).encode()
    response = await http.request("POST", url, headers=headers, body=body, as_pod=True)
    try:
        answer = response.good_answer(what)
    except Refused as error:
        raise Refused(
            f"{error}; is there that ServiceAccount, and may the reconcile function create its serviceaccounts/token?",
            error.code,
        ) from error
    status = answer.get("status")
    token = status.get("token") if isinstance(status, Mapping) else None
    if not isinstance(token, str) or not token:
        raise Unavailable(f"{what}: the answer holds no token")
    return Secret(token)
