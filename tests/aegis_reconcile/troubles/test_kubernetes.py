"""What the status says where ServiceAccount tokens of the cluster cannot be judged."""

from collections.abc import Iterator

import pytest
from attrs import evolve

from aegis_idp.blocking import ApiServer, BlockingHttp
from aegis_idp.conformance import HOST, Cluster, ProviderUnderTest
from aegis_idp_kubernetes import PLUGIN
from support.fake_http import answer
from support.provisioning_mesh import Instead, ProvisioningMesh, check


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster() as cluster:
        yield cluster


@pytest.fixture
def provider(cluster: Cluster) -> ProviderUnderTest:
    return ProviderUnderTest(PLUGIN, {}, cluster)


def status(code: int) -> object:
    return {"kind": "Status", "status": "Failure", "message": 'User "x" cannot get path "/.well-known"', "code": code}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (403, "status 403; the ClusterRole system:service-account-issuer-discovery must be bound to the group"),
        (404, r"status 404; is http://127\.0\.0\.1:\d+ the API server\?"),
    ],
)
def test_discovery_that_is_refused(provider: ProviderUnderTest, code: int, words: str) -> None:
    """Which role it takes."""
    http = Instead(provider.http, "GET", "openid-configuration", answer(status(code), code))
    check(ProvisioningMesh(provider, http=http).trouble(), ("True", "ProviderRefused"), words)


def test_token_of_the_function_that_is_not_taken(provider: ProviderUnderTest, cluster: Cluster) -> None:
    """The server knows no such credential."""
    http = BlockingHttp(ApiServer(cluster.issuer, lambda: cluster.token(HOST, "elsewhere")))
    said = ProvisioningMesh(provider, http=http).trouble()
    check(said, ("True", "ProviderRefused"), "status 401; it does not take the token of this pod's ServiceAccount")


def test_api_server_that_does_not_answer(provider: ProviderUnderTest, cluster: Cluster, nobody: str) -> None:
    """The address that was tried."""
    http = BlockingHttp(ApiServer(f"http://{nobody}", lambda: cluster.token(HOST, "x")))
    said = ProvisioningMesh(provider, http=http).trouble()
    check(said, ("False", "IssuerUnreachable"), f"^http://{nobody}/.well-known/openid-configuration: no answer: nobody")


def test_another_issuer(provider: ProviderUnderTest, cluster: Cluster) -> None:
    """Both, and what to set."""
    said = ProvisioningMesh(provider, {"issuer": "https://else.example"}).trouble()
    words = f"the issuer is {cluster.issuer}, and config.issuer says https://else.example: set exactly the former"
    check(said, ("Unknown", "Misconfigured"), words)


def test_bad_settings(provider: ProviderUnderTest) -> None:
    """What came and what was wanted; the Identity says whose settings they are."""
    mesh = ProvisioningMesh(provider, {"issuer": 5})
    check(mesh.trouble(), ("Unknown", "SettingsInvalid"), "^spec.config.issuer: got 5, wanted a string")
    said = mesh.said(mesh.identity)["Ready"].message
    assert said == "ClusterIdentityProvider corp: spec.config.issuer: got 5, wanted a string"


def test_audience_of_the_api_server(provider: ProviderUnderTest) -> None:
    """Who received such a token could use it there."""
    said = ProvisioningMesh(evolve(provider, audience="https://kubernetes.default.svc")).trouble()
    check(said, ("Unknown", "Unsuitable"), "is the API server's own: .*set spec.audience of the provider")
