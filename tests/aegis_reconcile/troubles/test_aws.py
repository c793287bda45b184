"""What the status says where an identity cannot be made at AWS, by a fake server."""

from collections.abc import Iterator

import pytest

from aegis_api.names import Subject
from aegis_idp.http import Response
from aegis_idp_fakes.aws.wire import error_answer
from support.aws_account import Tenancy, aws_account
from support.provisioning_mesh import HostAccount, Instead, ProvisioningMesh, check

REFUSED, UNREACHABLE = ("True", "ProviderRefused"), ("False", "ProviderUnreachable")
THROTTLED = ("True", "ProviderThrottled")


@pytest.fixture
def tenancy() -> Iterator[Tenancy]:
    with aws_account() as tenancy:
        yield tenancy


def aws_error(status: int, code: str, message: str = "No.") -> Response:
    made = error_answer(status, code, message)
    return Response(made.status, made.headers, made.body)


@pytest.mark.parametrize(
    ("response", "expected", "words"),
    [
        (aws_error(400, "Throttling", "Rate exceeded"), THROTTLED, r"status 400: Throttling \(Rate exceeded\)$"),
        (aws_error(500, "InternalFailure"), UNREACHABLE, "status 500: InternalFailure"),
        (aws_error(403, "RegionDisabledException"), REFUSED, "switch on STS in this region, or set config.region"),
        (aws_error(400, "ExpiredTokenException"), REFUSED, "compare the clocks"),
        (Response(502, {"content-type": "text/html"}, b"<html>"), UNREACHABLE, "status 502$"),
        (Response(200, {"content-type": "text/html"}, b"<html>"), UNREACHABLE, r"\(status 200\) is no AssumeRole"),
    ],
)
def test_what_sts_answers(tenancy: Tenancy, response: Response, expected: tuple[str, str], words: str) -> None:
    """What came, and which clock, region or limit it is about."""
    provider = tenancy.provider()
    mesh = ProvisioningMesh(provider, http=Instead(provider.http, "POST", tenancy.aws.url, response))
    check(mesh.trouble(), expected, f"^AWS sts, AssumeRoleWithWebIdentity: .*{words}")


def test_function_that_the_role_does_not_take(tenancy: Tenancy) -> None:
    """Which trust policy to change, and that it may only be new."""
    account = HostAccount(tenancy.cluster, Subject("aegis-system", "other"))
    said = ProvisioningMesh(tenancy.provider(), account=account).trouble()
    words = (
        f"AccessDenied .*if this lasts longer than a minute .* the trust policy of {tenancy.provisioner.arn} must take"
    )
    check(said, REFUSED, words)


def test_role_without_the_right(tenancy: Tenancy) -> None:
    """Which action AWS denied, and whose policies have to allow it."""
    tenancy.provisioner.policies.clear()
    said = ProvisioningMesh(tenancy.provider()).trouble()
    words = f"to perform: iam:GetRole on .*its policies must allow {tenancy.provisioner.arn} this, and so must .*aws.md"
    check(said, REFUSED, words)


def test_account_that_does_not_know_the_cluster(tenancy: Tenancy) -> None:
    """What to make there."""
    tenancy.account.providers.clear()
    said = ProvisioningMesh(tenancy.provider()).trouble()
    check(said, REFUSED, "InvalidIdentityToken .*the account needs an IAM OIDC provider with the cluster's issuer")


def test_nobody_listens(tenancy: Tenancy, nobody: str) -> None:
    """The address that was tried, of STS and of IAM."""
    for service in ("sts", "iam"):
        config = tenancy.config(**{service: f"https://{nobody}"})
        said = ProvisioningMesh(tenancy.provider(), config).trouble()
        check(said, UNREACHABLE, f"^https://{nobody}/: no answer: nobody listens there")


def test_certificate_that_is_not_trusted(tenancy: Tenancy) -> None:
    """It is said as such."""
    said = ProvisioningMesh(tenancy.provider(), http=tenancy.cluster.http()).trouble()
    check(said, UNREACHABLE, f"^{tenancy.aws.url}/: no answer: its certificate is not taken: self-signed certificate")


def test_role_of_somebody_else(tenancy: Tenancy) -> None:
    """Its name, and the tags that it lacks."""
    mesh = ProvisioningMesh(tenancy.provider())
    mesh.tick()
    role = tenancy.made()
    role.tags["aegis-uid"] = "somebody"
    mesh.again()
    words = f"the role {role.name} does not bear the tags aegis-cluster and aegis-uid .* Delete it in IAM"
    check(mesh.trouble(), ("True", "ForeignObject"), words)


def test_bad_settings(tenancy: Tenancy) -> None:
    """What came and what was wanted."""
    said = ProvisioningMesh(tenancy.provider(), tenancy.config(accountId="1")).trouble()
    check(said, ("Unknown", "SettingsInvalid"), '^spec.config.accountId: got "1", wanted twelve digits')
