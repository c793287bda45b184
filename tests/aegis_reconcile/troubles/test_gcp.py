"""What the status says where an identity cannot be made at Google Cloud, by the real google-auth and a fake server."""

from collections.abc import Iterator

import pytest

from aegis_api.names import Subject
from aegis_idp.http import Response
from support.fake_http import answer
from support.google_project import Mesh, google_project
from support.provisioning_mesh import HostAccount, Instead, ProvisioningMesh, check

REFUSED, UNREACHABLE = ("True", "ProviderRefused"), ("False", "ProviderUnreachable")
THROTTLED = ("True", "ProviderThrottled")


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mesh]:
    with google_project() as google:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(google.google.ca_file))
        yield google


def api_error(code: int, status: str, message: str = "No.") -> Response:
    return answer({"error": {"code": code, "status": status, "message": message}}, code)


@pytest.mark.parametrize(
    ("method", "response", "expected", "words"),
    [
        (
            "GET",
            api_error(403, "PERMISSION_DENIED", "IAM API has not been used in project 1 before or it is disabled."),
            REFUSED,
            "disabled.*; give principal://.* the custom role of docs/providers/gcp.md in the project aegis-mesh",
        ),
        (
            "GET",
            api_error(401, "UNAUTHENTICATED"),
            REFUSED,
            "status 401: .*are config.iam and config.sts of the same cloud",
        ),
        (
            "POST",
            api_error(429, "RESOURCE_EXHAUSTED", "A quota has been reached: Service accounts per project."),
            THROTTLED,
            "Service accounts per project.*raise the quota of the project aegis-mesh",
        ),
        ("GET", api_error(500, "INTERNAL"), UNREACHABLE, "status 500: INTERNAL"),
    ],
)
def test_what_the_iam_api_answers(
    google: Mesh, method: str, response: Response, expected: tuple[str, str], words: str
) -> None:
    """What came, of which address, and which role or limit it is about."""
    provider = google.provider()
    mesh = ProvisioningMesh(provider, http=Instead(provider.http, method, "/serviceAccounts", response))
    check(mesh.trouble(), expected, f"the IAM API at {google.google.url}, {method} /serviceAccounts.*{words}")


def test_function_that_has_no_role(google: Mesh) -> None:
    """Whom to give it, as IAM policies spell it."""
    account = HostAccount(google.cluster, Subject("aegis-system", "other"))
    said = ProvisioningMesh(google.provider(), account=account).trouble()
    member = google.project.member("system:serviceaccount:aegis-system:other")
    check(said, REFUSED, f"'iam.serviceAccounts.get' denied .*; give {member} the custom role of")


def test_settings_that_do_not_fit_the_project(google: Mesh) -> None:
    """Pool and project."""
    pool = google.project.pool_provider.replace("/workloadIdentityPools/", "/workloadIdentityPools/no-")
    said = ProvisioningMesh(google.provider(), google.config(poolProvider=pool)).trouble()
    words = rf"at {google.google.url}: answered with status 400: Error code invalid_target: .*; does {pool} have the"
    check(said, REFUSED, words)
    said = ProvisioningMesh(google.provider(), google.config(project="other-project")).trouble()
    check(said, REFUSED, r"\(or it may not exist\).* in the project other-project")


def test_nobody_listens(google: Mesh, nobody: str) -> None:
    """The address that was tried, of the sign-in and of the API."""
    url = f"https://{nobody}"
    said = ProvisioningMesh(google.provider(), google.config(sts=url)).trouble()
    check(said, UNREACHABLE, f"^signing in at {url}: no answer: nobody listens there")
    said = ProvisioningMesh(google.provider(), google.config(iam=url)).trouble()
    check(said, UNREACHABLE, f"^{url}/v1/projects/.*: no answer: nobody listens there")


def test_certificate_that_is_not_trusted(google: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the sign-in."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    said = ProvisioningMesh(google.provider()).trouble()
    check(
        said, UNREACHABLE, f"at {google.google.url}: no answer: its certificate is not taken: self-signed certificate"
    )


def test_sign_in_that_is_throttled_or_in_trouble(google: Mesh) -> None:
    """The status alone: there is no more to it."""
    google.google.faults.throttle(9)
    check(ProvisioningMesh(google.provider()).trouble(), THROTTLED, "signing in .*answered with status 429$")


def test_sign_in_in_trouble(google: Mesh) -> None:
    """Of a server that says so."""
    google.google.faults.fail(9)
    check(ProvisioningMesh(google.provider()).trouble(), UNREACHABLE, "signing in .*answered with status 503$")


def test_service_account_of_somebody_else(google: Mesh) -> None:
    """Its address, and what its description is not."""
    mesh = ProvisioningMesh(google.provider())
    mesh.tick()
    (account,) = google.project.accounts.values()
    account.properties["description"] = "somebody's"
    mesh.again()
    words = "the service account aegis-.* is not described as 'aegis-cluster:.* Delete it in Google Cloud"
    check(mesh.trouble(), ("True", "ForeignObject"), words)


def test_bad_settings(google: Mesh) -> None:
    """What came and what was wanted."""
    said = ProvisioningMesh(google.provider(), google.config(poolProvider="x")).trouble()
    check(said, ("Unknown", "SettingsInvalid"), '^spec.config.poolProvider: got "x", wanted projects/NUMBER/locations')
