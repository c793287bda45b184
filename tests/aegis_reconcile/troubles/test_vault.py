"""What the status says where an identity cannot be made at Vault. tests/integration meets the same on the real one."""

from collections.abc import Iterator

import pytest
from attrs import evolve, frozen

from aegis_api.names import Subject
from aegis_idp.conformance import HOST, Cluster, ProviderUnderTest
from aegis_idp.http import Response
from aegis_idp.values import Owner
from aegis_idp_vault import PLUGIN
from support.fake_http import answer
from support.provisioning_mesh import ORDERS, HostAccount, Instead, ProvisioningMesh, check
from support.vault_in_memory import VaultInMemory

DENIED = answer({"errors": ["1 error occurred:\n\t* permission denied\n\n"]}, 403)
REFUSED, UNREACHABLE = ("True", "ProviderRefused"), ("False", "ProviderUnreachable")


@pytest.fixture
def provider() -> Iterator[ProviderUnderTest]:
    with Cluster(public=True) as cluster, VaultInMemory(cluster, HOST) as vault:
        yield ProviderUnderTest(PLUGIN, {"address": vault.url}, cluster, objects=vault.contents)


@frozen
class Answered:
    """What Vault, or what is before it, answers to one of the requests."""

    method: str
    path: str
    response: Response
    expected: tuple[str, str]
    words: str


ANSWERS = {
    "no right to the alias": Answered(
        "POST",
        "identity/entity-alias",
        DENIED,
        REFUSED,
        "403: .*a policy of the role aegis-reconcile at auth/jwt must allow create and update on identity/entity-alias",
    ),
    "no right to the accessor": Answered(
        "GET", "sys/auth", DENIED, REFUSED, "aegis-reconcile at auth/jwt must allow read on sys/auth"
    ),
    "no right to the role": Answered(
        "POST",
        "identity/oidc/role/",
        DENIED,
        REFUSED,
        "must allow create and update on identity/oidc/role/aegis.jwt.",
    ),
    "rate limit": Answered(
        "POST",
        "/login",
        answer({"errors": ['request path "auth/jwt/login": rate limit quota exceeded']}, 429, retry_after="7"),
        ("True", "ProviderThrottled"),
        "429: .*rate limit quota is used up: raise it",
    ),
    "sealed": Answered(
        "GET",
        "openid-configuration",
        answer({"errors": ["Vault is sealed"]}, 503),
        ("False", "IssuerUnreachable"),
        "/openid-configuration: answered with status 503: Vault is sealed; unseal it",
    ),
    "page of a gateway": Answered(
        "POST",
        "/login",
        Response(502, {"content-type": "text/html"}, b"<html>"),
        UNREACHABLE,
        "status 502; look at its log",
    ),
    "page in place of an answer": Answered(
        "POST",
        "/login",
        Response(200, {"content-type": "text/html"}, b"<html>"),
        UNREACHABLE,
        r"the answer \(status 200, text/html\) is not a JSON object",
    ),
    "key that does not list the audience": Answered(
        "POST",
        "identity/oidc/role/",
        answer(
            {"errors": ['the key "default" does not list the client ID of the role "x" as an allowed client ID']}, 400
        ),
        REFUSED,
        "allow the audience in allowed_client_ids of the key default",
    ),
}


@pytest.mark.parametrize("case", ANSWERS.values(), ids=ANSWERS.keys())
def test_what_vault_answers(provider: ProviderUnderTest, case: Answered) -> None:
    """What came, and which right, role, key or limit it is about."""
    http = Instead(provider.http, case.method, case.path, case.response)
    check(ProvisioningMesh(provider, http=http).trouble(), case.expected, case.words)


@pytest.mark.parametrize(
    ("changes", "expected", "words"),
    [
        (
            {"mount": "k8s"},
            REFUSED,
            "of auth/k8s: .*permission denied; enable a JWT auth method at auth/k8s, or correct config.mount",
        ),
        (
            {"provisionRole": "nonesuch"},
            REFUSED,
            "make the role nonesuch at auth/jwt, or correct config.role, config.provisionRole",
        ),
        ({"accessor": "auth_jwt_0"}, REFUSED, "correct config.accessor: `vault auth list` shows"),
        ({"address": "ftp://vault"}, ("Unknown", "SettingsInvalid"), r"^spec.config.address: got .*, wanted https://"),
        ({"adress": "x"}, ("Unknown", "SettingsInvalid"), "adress"),
    ],
)
def test_settings_that_do_not_fit_the_server(
    provider: ProviderUnderTest, changes: dict[str, str], expected: tuple[str, str], words: str
) -> None:
    """Which setting to correct, or what to make there."""
    check(ProvisioningMesh(provider, {**provider.config, **changes}).trouble(), expected, words)


def test_nobody_listens(provider: ProviderUnderTest, nobody: str) -> None:
    """The address that was tried, of the discovery and, with config.issuer, of the login."""
    config = {"address": f"http://{nobody}"}
    said = ProvisioningMesh(provider, config).trouble()
    check(said, ("False", "IssuerUnreachable"), f"^http://{nobody}/v1/identity/oidc/.*nobody listens there")
    said = ProvisioningMesh(provider, {**config, "issuer": "https://vault.example"}).trouble()
    check(said, UNREACHABLE, f"^http://{nobody}/v1/auth/jwt/login: no answer: nobody listens there")


def test_no_tls_where_tls_was_wanted(provider: ProviderUnderTest) -> None:
    """The usual slip."""
    config = {"address": str(provider.config["address"]).replace("http", "https")}
    said = ProvisioningMesh(provider, config).trouble()
    check(said, ("False", "IssuerUnreachable"), "speaks no TLS: is the address to be http")


def test_function_that_the_role_does_not_take(provider: ProviderUnderTest) -> None:
    """The function's own credential is refused: whom the role has to name."""
    account = HostAccount(provider.cluster, Subject("aegis-system", "other"))
    said = ProvisioningMesh(provider, account=account).trouble()
    check(
        said,
        REFUSED,
        "set bound_subject of the role aegis-reconcile at auth/jwt to system:serviceaccount:aegis-system:other",
    )


def test_alias_of_somebody_else(provider: ProviderUnderTest) -> None:
    """Whose it is, and how to keep apart."""
    provider.made(ORDERS, owner=Owner("another-cluster", "another-uid"))
    said = ProvisioningMesh(provider).trouble()
    check(
        said, ("True", "ForeignObject"), "the Identity another-uid of the cluster another-cluster: give each cluster an"
    )


def test_many_destinations_are_refused_before_anybody_is_asked(provider: ProviderUnderTest) -> None:
    """Patterns stand for many roles, which nobody can make."""
    mesh = ProvisioningMesh(evolve(provider, audience="aegis"))
    spec = mesh.cluster.objects[mesh.provider]["spec"]
    mesh.cluster.put(mesh.provider.resource, "corp", spec={**spec, "audiencePerDestination": True})
    check(mesh.trouble(), ("Unknown", "Unsuitable"), r"\*.svc stands for many: list the exact hosts")
