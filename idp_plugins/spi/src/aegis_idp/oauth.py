"""The token endpoint of OAuth 2.0 (RFC 6749 section 3.2): one request, one JWT."""

import re
from collections.abc import Mapping

from aegis_idp.errors import Refused, Unavailable
from aegis_idp.http import Http, post_form
from aegis_idp.values import Secret

JWT_BEARER_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
JWT_BEARER_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105  # a name

_JWS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


async def fetch_token(
    http: Http,
    url: str,
    form: Mapping[str, str],
    *,
    headers: Mapping[str, str] = {},
    secrets: tuple[Secret, ...],
) -> Secret:
    """The `access_token` of a token response (section 5.1). `secrets` are what `form` and `headers` hold of them.

    Raises Refused with the server's error code (section 5.2), or for a token that is no JWT.
    """
    what = f"the token endpoint {url}"
    answer = (await post_form(http, url, form, headers)).good_answer(what, *secrets)
    return jwt_of(answer, "access_token", what)


def jwt_of(answer: Mapping[str, object], name: str, what: str) -> Secret:
    """The member `name` of an answer as a token. Raises Unavailable without one, Refused if it is no JWT (RFC 7515)."""
    token = answer.get(name)
    if not isinstance(token, str) or not token:
        raise Unavailable(f"{what}: the answer holds no {name}")
    if not _JWS.fullmatch(token):
        raise Refused(f"{what}: the {name} is opaque; let the provider issue signed JWTs for this client and audience")
    return Secret(token)
