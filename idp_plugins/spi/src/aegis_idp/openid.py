"""OpenID Connect Discovery 1.0: what an issuer says about itself."""

from attrs import frozen

from aegis_idp.errors import Misconfigured, Refused, Unavailable
from aegis_idp.http import Http
from aegis_idp.redaction import quoted
from aegis_idp.urls import is_endpoint_of


@frozen
class Discovery:
    """The part of an issuer's document that plugins use. The endpoints are checked (see `urls.is_endpoint_of`)."""

    issuer: str
    jwks_uri: str
    token_endpoint: str | None


async def discover(http: Http, issuer: str) -> Discovery:
    """Fetches the document of `issuer` (section 4). Raises Misconfigured if it speaks for another issuer (4.3)."""
    url = f"{issuer.removesuffix('/')}/.well-known/openid-configuration"
    what = f"discovery of the issuer {issuer}"
    response = await http.request("GET", url, headers={"accept": "application/json"})
    try:
        document = response.good_answer(what)
    except Refused as error:
        raise Refused(f"{error}; is {url} the right address of the issuer's document?", error.code) from error
    said = document.get("issuer")
    if not isinstance(said, str):
        raise Unavailable(f"{what}: the document at {url} names no issuer")
    if said != issuer:
        raise Misconfigured(
            f"{what}: the document at {url} speaks for the issuer {quoted(said, ())}; if it is meant, set exactly that"
        )
    jwks_uri, token_endpoint = document.get("jwks_uri"), document.get("token_endpoint")
    return Discovery(
        issuer,
        _endpoint(issuer, "jwks_uri", jwks_uri),
        None if token_endpoint is None else _endpoint(issuer, "token_endpoint", token_endpoint),
    )


def _endpoint(issuer: str, name: str, url: object) -> str:
    if not isinstance(url, str):
        raise Unavailable(f"discovery of the issuer {issuer}: the document has no {name}")
    if not is_endpoint_of(issuer, url):
        raise Misconfigured(
            f"discovery of the issuer {issuer}: its {name} {quoted(url, ())} is refused: it must be https to a host "
            "that is not local, or lie beside the issuer (same scheme, host and port)"
        )
    return url
