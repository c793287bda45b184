"""What the status says where an identity cannot be made at Entra ID, by the real azure-identity and a fake server."""

from collections.abc import Iterator

import pytest
from attrs import evolve

from aegis_api.names import Subject
from aegis_idp.http import Response
from support.entra_tenant import Tenant, entra_tenant
from support.fake_http import answer
from support.provisioning_mesh import HostAccount, Instead, ProvisioningMesh, check

REFUSED, UNREACHABLE = ("True", "ProviderRefused"), ("False", "ProviderUnreachable")
THROTTLED = ("True", "ProviderThrottled")
NOBODY = "99999999-9999-4999-8999-999999999999"


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
    with entra_tenant() as tenant:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tenant.entra.ca_file))
        yield tenant


def graph_error(status: int, code: str, message: str = "No.") -> Response:
    return answer({"error": {"code": code, "message": message}}, status)


@pytest.mark.parametrize(
    ("method", "response", "expected", "words"),
    [
        (
            "GET",
            graph_error(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."),
            REFUSED,
            "Insufficient privileges .*has config.provisionAs the application permission Application.ReadWrite.OwnedBy",
        ),
        (
            "GET",
            graph_error(401, "InvalidAuthenticationToken"),
            REFUSED,
            "status 401: .*are config.graph and config.authority of the same cloud",
        ),
        ("GET", graph_error(429, "TooManyRequests"), THROTTLED, "status 429: TooManyRequests"),
        ("GET", graph_error(503, "ServiceUnavailable"), UNREACHABLE, "status 503: ServiceUnavailable"),
        (
            "PATCH",
            graph_error(403, "Directory_QuotaExceeded"),
            REFUSED,
            "Directory_QuotaExceeded .*remove applications that nobody needs, for good",
        ),
    ],
)
def test_what_graph_answers(
    tenant: Tenant, method: str, response: Response, expected: tuple[str, str], words: str
) -> None:
    """What came, of which address, and which permission or limit it is about."""
    provider = tenant.provider()
    mesh = ProvisioningMesh(provider, http=Instead(provider.http, method, "/applications", response))
    check(mesh.trouble(), expected, f"Microsoft Graph at {tenant.entra.url}, {method} /applications.*{words}")


def test_function_that_the_application_does_not_take(tenant: Tenant) -> None:
    """Whom a federated identity credential has to name, and that it may only be new."""
    account = HostAccount(tenant.cluster, Subject("aegis-system", "other"))
    said = ProvisioningMesh(tenant.provider(), account=account).trouble()
    words = (
        rf"at {tenant.entra.url}: answered with status 400: invalid_client \(AADSTS700213: .*\); .*than "
        rf".* credential of {tenant.provisioner.app_id} must have the subject system:serviceaccount:aegis-system:other"
    )
    check(said, REFUSED, words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tenantId": NOBODY}, "AADSTS90002: .*is config.tenantId the right tenant"),
        ({"provisionAs": NOBODY}, f"AADSTS700016: .*is {NOBODY} the client id of an application of this tenant"),
        ({"graph": "https://graph.example"}, "AADSTS500011: .*is config.graph the Microsoft Graph of this cloud"),
    ],
)
def test_settings_that_do_not_fit_the_tenant(tenant: Tenant, changes: dict[str, str], words: str) -> None:
    """Which one to correct."""
    check(ProvisioningMesh(tenant.provider(), tenant.config(**changes)).trouble(), REFUSED, words)


def test_nobody_listens(tenant: Tenant, nobody: str) -> None:
    """The address that was tried."""
    said = ProvisioningMesh(tenant.provider(), tenant.config(authority=f"https://{nobody}")).trouble()
    check(said, UNREACHABLE, f"signing in as the application .* at https://{nobody}: no answer: nobody listens there")


def test_certificate_that_is_not_trusted(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the sign-in, and at Graph."""
    said = ProvisioningMesh(tenant.provider(), http=tenant.cluster.http()).trouble()
    check(
        said, UNREACHABLE, f"^{tenant.entra.url}/v1.0/.*certificate is not taken: self-signed certificate; it must be"
    )
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    said = ProvisioningMesh(tenant.provider()).trouble()
    check(said, UNREACHABLE, f"at {tenant.entra.url}: no answer: its certificate is not taken: self-signed certificate")


def test_sign_in_that_is_throttled_or_in_trouble(tenant: Tenant) -> None:
    """The status alone: there is no more to it."""
    tenant.entra.faults.throttle()
    check(ProvisioningMesh(tenant.provider()).trouble(), THROTTLED, "signing in .*answered with status 429$")
    tenant.entra.faults.fail()
    check(ProvisioningMesh(tenant.provider()).trouble(), UNREACHABLE, "signing in .*answered with status 503$")


def test_application_of_somebody_else(tenant: Tenant) -> None:
    """Its name, and the tag that it lacks."""
    mesh = ProvisioningMesh(tenant.provider())
    mesh.tick()
    made = next(one for one in tenant.directory.applications.values() if one.unique_name)
    made.properties["tags"] = ["somebody"]
    mesh.again()
    words = f"the application {made.unique_name} .*does not bear the tag aegis-uid:.* Delete it in Entra ID if nobody"
    check(mesh.trouble(), ("True", "ForeignObject"), words)


def test_bad_settings(tenant: Tenant) -> None:
    """What came and what was wanted."""
    said = ProvisioningMesh(tenant.provider(), tenant.config(tenantId="common")).trouble()
    check(said, ("Unknown", "SettingsInvalid"), '^spec.config.tenantId: got "common", wanted a tenant id')
    said = ProvisioningMesh(evolve(tenant.provider(), audience="aegis")).trouble()
    check(said, ("Unknown", "Unsuitable"), "the audience aegis is no client id: .*set spec.audience")
