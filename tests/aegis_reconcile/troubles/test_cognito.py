"""What the status says where an identity cannot be made in an identity pool of AWS Cognito, by a fake server."""

from collections.abc import Iterator, Mapping

import pytest

from aegis_idp.http import Response
from aegis_idp_fakes.aws.wire import json_error_answer
from support.cognito_pool import PoolTenancy, cognito_pool
from support.provisioning_mesh import Instead, ProvisioningMesh, check

REFUSED, UNREACHABLE = ("True", "ProviderRefused"), ("False", "ProviderUnreachable")


@pytest.fixture
def tenancy() -> Iterator[PoolTenancy]:
    with cognito_pool() as tenancy:
        yield tenancy


class OnlyCognito(Instead):
    """Answers what is asked of Cognito itself, and passes on what STS is asked."""

    def _is_meant(self, method: str, url: str, headers: Mapping[str, str]) -> bool:
        return "x-amz-target" in headers


def cognito_error(code: str, message: str = "No.", status: int | None = None) -> Response:
    made = json_error_answer(code, message)
    return Response(status or made.status, made.headers, made.body)


@pytest.mark.parametrize(
    ("response", "expected", "words"),
    [
        (cognito_error("TooManyRequestsException"), ("True", "ProviderThrottled"), "TooManyRequestsException"),
        (cognito_error("InternalErrorException", status=500), UNREACHABLE, "status 500: InternalErrorException"),
        (cognito_error("LimitExceededException"), REFUSED, "ask AWS for a higher quota"),
        (cognito_error("NotAuthorizedException"), REFUSED, "must list .*, and that must have the client id"),
    ],
)
def test_what_cognito_answers(tenancy: PoolTenancy, response: Response, expected: tuple[str, str], words: str) -> None:
    """What came, and which pool, provider or limit it is about."""
    provider = tenancy.provider()
    mesh = ProvisioningMesh(provider, http=OnlyCognito(provider.http, "POST", tenancy.aws.url, response))
    check(mesh.trouble(), expected, f"^AWS Cognito, .*{words}")


def test_role_without_the_right(tenancy: PoolTenancy) -> None:
    """Which action AWS denied, and whose policies have to allow it."""
    tenancy.provisioner.policies.clear()
    said = ProvisioningMesh(tenancy.provider()).trouble()
    words = f"AccessDeniedException .*cognito-identity:.*its policies must allow {tenancy.provisioner.arn} this"
    check(said, REFUSED, words)


def test_account_that_does_not_know_the_cluster(tenancy: PoolTenancy) -> None:
    """What to make there."""
    tenancy.account.providers.clear()
    said = ProvisioningMesh(tenancy.provider()).trouble()
    check(said, REFUSED, "InvalidIdentityToken .*the account needs an IAM OIDC provider with the cluster's issuer")


def test_nobody_listens(tenancy: PoolTenancy, nobody: str) -> None:
    """The address that was tried."""
    said = ProvisioningMesh(tenancy.provider(), tenancy.config(url=f"https://{nobody}")).trouble()
    check(said, UNREACHABLE, f"^https://{nobody}/: no answer: nobody listens there")
