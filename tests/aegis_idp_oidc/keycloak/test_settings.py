"""The settings of clients that are made at Keycloak, and what must go with them."""

from typing import Any

import pytest

from aegis_api.reading import Node, ParseError
from aegis_idp.settings import read_settings
from aegis_idp_oidc.settings import OidcSettings

GOOD = {
    "issuer": "https://idp.example/realms/mesh",
    "grant": "client_assertion",
    "audienceParameter": "none",
    "subjectClaim": "azp",
    "subjectTemplate": "aegis.prod.{namespace}.{name}",
    "keycloak": {},
}


def _read(**changes: Any) -> OidcSettings:
    return read_settings(OidcSettings, Node({**GOOD, **changes}))


def test_the_defaults_are_those_of_the_tutorial() -> None:
    """An identity provider called kubernetes, and the realm's own admin URL."""
    keycloak = _read().keycloak
    assert keycloak is not None
    assert (keycloak.identity_provider, keycloak.admin_url) == ("kubernetes", None)
    assert _read().asks_for_audience


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"grant": "jwt_bearer"}, "the grant client_assertion, and no clientId"),
        ({"clientId": "aegis.{namespace}.{name}"}, "and no clientId"),
        ({"subjectClaim": "sub"}, "subjectClaim azp with keycloak"),
        ({"audienceParameter": "audience"}, "audienceParameter none, and no scope"),
        ({"scope": "x"}, "audienceParameter none, and no scope"),
        ({"issuer": "https://idp.example"}, "https://HOST/realms/REALM"),
        ({"tokenEndpoint": "https://evil.example/token"}, "no tokenEndpoint and no assertionAudience"),
        ({"assertionAudience": "https://other.example/realms/mesh"}, "no tokenEndpoint and no assertionAudience"),
        (
            {"keycloak": {"adminUrl": "https://evil.example/admin/realms/mesh"}},
            "at the issuer's own scheme, host and port",
        ),
        ({"keycloak": {"adminUrl": "http://idp.example.svc/admin/realms/mesh"}}, "at the issuer's own scheme"),
        ({"subjectTemplate": "aegis.prod.bank.{namespace}.{name}"}, r"subjectTemplate aegis\.CLUSTER\."),
        ({"subjectTemplate": "aegis.prod:{namespace}.{name}"}, r"subjectTemplate aegis\.CLUSTER\."),
        ({"subjectTemplate": "aegis..{namespace}.{name}"}, r"subjectTemplate aegis\.CLUSTER\."),
        ({"subjectTemplate": "aegis.prod.{namespace}/{name}"}, r"subjectTemplate aegis\.CLUSTER\."),
        ({"keycloak": {"identityProvider": "a/b"}}, "the alias of an identity provider"),
        ({"keycloak": {"adminUrl": "http://idp.example"}}, "https://HOST"),
    ],
)
def test_what_does_not_fit_is_refused_at_admission(changes: dict[str, Any], said: str) -> None:
    """The text says what to write."""
    with pytest.raises(ParseError, match=said):
        _read(**changes)


def test_another_admin_url_goes_with_any_issuer() -> None:
    """A Keycloak behind a rewriting proxy."""
    url = "https://idp.example/admin/realms/mesh"
    keycloak = _read(issuer="https://idp.example/mesh", keycloak={"adminUrl": url}).keycloak
    assert keycloak is not None
    assert keycloak.admin_url == url
