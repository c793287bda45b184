"""What the status says where an identity cannot be made at Keycloak."""

from collections.abc import Iterator
from typing import Any

import pytest

from aegis_api.names import Subject
from aegis_idp.conformance import HOST, Cluster, ProviderUnderTest
from aegis_idp.http import Response
from aegis_idp.values import Owner
from aegis_idp_oidc import PLUGIN
from support.fake_http import answer
from support.keycloak_server import KeycloakServer
from support.provisioning_mesh import ORDERS, HostAccount, Instead, ProvisioningMesh, check

REFUSED, UNREACHABLE = ("True", "ProviderRefused"), ("False", "ProviderUnreachable")


@pytest.fixture
def provider() -> Iterator[ProviderUnderTest]:
    with Cluster(public=True) as cluster, KeycloakServer(cluster, manager=str(HOST)) as server:
        config = {
            "issuer": server.issuer,
            "grant": "client_assertion",
            "keycloak": {},
            "audienceParameter": "none",
            "subjectClaim": "azp",
            "subjectTemplate": "aegis.test.{namespace}.{name}",
        }
        yield ProviderUnderTest(PLUGIN, config, cluster)


@pytest.mark.parametrize(
    ("method", "path", "response", "expected", "words"),
    [
        (
            "GET",
            "/clients",
            answer({"error": "HTTP 403 Forbidden"}, 403),
            REFUSED,
            "/admin/realms/mesh/clients: answered with status 403: .*the role manage-clients of realm-management",
        ),
        (
            "GET",
            "/clients",
            answer({"error": "HTTP 401 Unauthorized"}, 401),
            REFUSED,
            "does not take a token of the issuer's realm: is config.keycloak.adminUrl that of the same realm",
        ),
        (
            "GET",
            "/clients",
            answer({"error": "slow_down"}, 429, retry_after="9"),
            ("True", "ProviderThrottled"),
            "status 429: slow_down",
        ),
        ("POST", "/token", answer({"error": "slow_down"}, 429), ("True", "ProviderThrottled"), "token endpoint .*429"),
        ("GET", "/clients", answer({"error": "unknown_error"}, 500), UNREACHABLE, "status 500: unknown_error"),
        (
            "GET",
            "/clients",
            Response(200, {"content-type": "text/html"}, b"<html>"),
            UNREACHABLE,
            "the answer is not a list of JSON objects",
        ),
        (
            "POST",
            "/clients",
            answer({"errorMessage": "Client name too long"}, 400),
            REFUSED,
            r"status 400 \(Client name too long\); look at Keycloak's log",
        ),
    ],
)
def test_what_keycloak_answers(
    provider: ProviderUnderTest, method: str, path: str, response: Response, expected: tuple[str, str], words: str
) -> None:
    """What came, and which role, realm or limit it is about."""
    check(ProvisioningMesh(provider, http=Instead(provider.http, method, path, response)).trouble(), expected, words)


def _elsewhere(provider: ProviderUnderTest, old: str, new: str) -> dict[str, Any]:
    return {**provider.config, "issuer": str(provider.config["issuer"]).replace(old, new)}


def test_realm_that_is_not_there(provider: ProviderUnderTest) -> None:
    """Which address it was asked at."""
    said = ProvisioningMesh(provider, _elsewhere(provider, "/mesh", "/nonesuch")).trouble()
    check(
        said, REFUSED, "/realms/nonesuch: answered with status 404.* is http://.*/realms/nonesuch/.* the right address"
    )


def test_another_issuer(provider: ProviderUnderTest) -> None:
    """Both, and what to set."""
    said = ProvisioningMesh(provider, _elsewhere(provider, "127.0.0.1", "localhost")).trouble()
    check(
        said,
        ("Unknown", "Misconfigured"),
        f"speaks for the issuer {provider.config['issuer']}; if it is meant, set exactly",
    )


def test_nobody_listens(provider: ProviderUnderTest, nobody: str) -> None:
    """The address that was tried."""
    said = ProvisioningMesh(provider, {**provider.config, "issuer": f"http://{nobody}/realms/mesh"}).trouble()
    check(said, ("False", "IssuerUnreachable"), f"^http://{nobody}/realms/mesh/.well-known/.*nobody listens there")


def test_no_tls_where_tls_was_wanted(provider: ProviderUnderTest) -> None:
    """The usual slip."""
    said = ProvisioningMesh(provider, _elsewhere(provider, "http", "https")).trouble()
    check(said, ("False", "IssuerUnreachable"), "speaks no TLS: is the address to be http")


def test_admin_api_of_a_realm_that_is_not_there(provider: ProviderUnderTest) -> None:
    """Which setting says where it is."""
    url = str(provider.config["issuer"]).replace("/realms/mesh", "/admin/realms/nonesuch")
    said = ProvisioningMesh(provider, {**provider.config, "keycloak": {"adminUrl": url}}).trouble()
    check(said, REFUSED, "status 404.*Set config.keycloak.adminUrl")


def test_function_that_the_realm_does_not_know(provider: ProviderUnderTest) -> None:
    """The function's own credential is refused: whom a client must be federated with."""
    account = HostAccount(provider.cluster, Subject("aegis-system", "other"))
    said = ProvisioningMesh(provider, account=account).trouble()
    check(
        said,
        REFUSED,
        "invalid_client .*federated-jwt and the subject system:serviceaccount:aegis-system:other, and the",
    )


def test_client_of_somebody_else(provider: ProviderUnderTest) -> None:
    """Its name, and how to keep apart."""
    provider.made(ORDERS, owner=Owner("another-cluster", "another-uid"))
    said = ProvisioningMesh(provider).trouble()
    words = (
        "the client aegis.test.shop.orders at http://.* was not made for this Identity.*choose another config.subjectT"
    )
    check(said, ("True", "ForeignObject"), words)


def test_bad_settings(provider: ProviderUnderTest) -> None:
    """What came and what was wanted."""
    said = ProvisioningMesh(provider, {**provider.config, "grant": "password"}).trouble()
    check(
        said,
        ("Unknown", "SettingsInvalid"),
        '^spec.config.grant: got "password", wanted client_assertion or jwt_bearer or',
    )
