"""Discovery."""

import pytest

from aegis_idp.blocking import run
from aegis_idp.errors import Misconfigured, Refused, Unavailable
from aegis_idp.openid import Discovery, discover
from support.fake_http import FakeHttp, answer

ISSUER = "https://issuer.example/realms/shop"
URL = f"{ISSUER}/.well-known/openid-configuration"
GOOD = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys", "token_endpoint": f"{ISSUER}/token"}


def _discovered(document: object, issuer: str = ISSUER, status: int = 200) -> Discovery:
    url = f"{issuer.removesuffix('/')}/.well-known/openid-configuration"
    return run(discover(FakeHttp({url: answer(document, status)}), issuer))


def test_the_document_is_found_below_the_issuer() -> None:
    """OpenID Connect Discovery 1.0 section 4."""
    assert _discovered(GOOD) == Discovery(ISSUER, f"{ISSUER}/keys", f"{ISSUER}/token")


def test_a_trailing_slash_is_part_of_the_issuer_alone() -> None:
    """It is cut off for the document's address, and compared all the same (section 4.1)."""
    issuer = "https://issuer.example/"
    document = {"issuer": issuer, "jwks_uri": "https://issuer.example/keys"}
    assert _discovered(document, issuer) == Discovery(issuer, "https://issuer.example/keys", None)


@pytest.mark.parametrize(
    "issuer", [f"{ISSUER}/", ISSUER.upper(), ISSUER.replace("https", "http"), "https://evil.example", f"{ISSUER} "]
)
def test_another_issuer_is_refused(issuer: str) -> None:
    """Section 4.3: exactly the same, or the document speaks for somebody else."""
    with pytest.raises(Misconfigured, match=r"speaks for the issuer .*; if it is meant, set exactly that$"):
        _discovered({**GOOD, "issuer": issuer})


@pytest.mark.parametrize("issuer", [None, 5, [ISSUER]])
def test_a_document_without_issuer_is_none(issuer: object) -> None:
    """It says nothing, so it is asked for again."""
    with pytest.raises(Unavailable, match="names no issuer"):
        _discovered({**GOOD, "issuer": issuer})


@pytest.mark.parametrize("uri", [None, 5, []])
def test_a_document_without_keys_is_none(uri: object) -> None:
    """The error names what is missing."""
    with pytest.raises(Unavailable, match="the document has no jwks_uri"):
        _discovered({**GOOD, "jwks_uri": uri})


def test_a_token_endpoint_of_another_type_is_an_error() -> None:
    """Absent is legal, odd is not."""
    with pytest.raises(Unavailable, match="the document has no token_endpoint"):
        _discovered({**GOOD, "token_endpoint": 5})


@pytest.mark.parametrize("name", ["jwks_uri", "token_endpoint"])
@pytest.mark.parametrize(
    "url", ["http://issuer.example/x", "file:///etc/passwd", "https://127.0.0.1/x", "https://a.b/\r\nx"]
)
def test_a_dangerous_endpoint_is_refused(name: str, url: str) -> None:
    """Neither keys nor tokens travel in the open or to our own host."""
    with pytest.raises(Misconfigured, match=f"its {name} .* is refused: it must be https"):
        _discovered({**GOOD, name: url})


def test_a_missing_document_asks_for_the_address() -> None:
    """A 404 is mostly a wrong issuer, and the error names the address that was tried."""
    with pytest.raises(Refused, match=r"status 404; is https://issuer\.example/realms/shop/\.well-known/.* the right"):
        _discovered({}, status=404)
