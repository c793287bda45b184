"""The conformance suite of the `kubernetes` plugin on a real API server: its tokens, its discovery, its keys."""

from collections.abc import Iterator

import pytest

from aegis_idp.blocking import run
from aegis_idp.conformance import Conformance, ProviderUnderTest
from aegis_idp.errors import Refused
from aegis_idp_kubernetes import PLUGIN
from servers.control_plane import control_plane
from servers.service_accounts import RealCluster
from support.kube_client import path_of

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

DISCOVERY = "system:service-account-issuer-discovery"


@pytest.fixture(scope="module")
def cluster() -> Iterator[RealCluster]:
    """A control plane of its own: its signing key is changed, which ends the tokens of everybody else."""
    with control_plane() as plane:
        yield RealCluster(plane)


class TestInACluster(Conformance):
    """Discovery and keys at the API server, as a pod."""

    @pytest.fixture
    def provider(self, cluster: RealCluster) -> ProviderUnderTest:
        rotate = lambda overlap: cluster.keys.rotate(overlap=overlap)  # noqa: E731  # a value
        return ProviderUnderTest(PLUGIN, {}, cluster, http=cluster.http(), enrol=cluster.enrol, rotate=rotate)


def test_without_the_default_binding_the_error_names_it(cluster: RealCluster) -> None:
    """A hardened cluster that took the binding away hears which one is missing; the real API server refuses."""
    client, path = cluster.plane.client, path_of("rbac.authorization.k8s.io/v1", "clusterrolebindings", DISCOVERY)
    binding = client.get(path).ok()
    client.delete(path).ok()
    try:
        with pytest.raises(Refused, match=rf"403.*; the ClusterRole {DISCOVERY} must be bound to"):
            run(PLUGIN.trust(PLUGIN.settings(), cluster.http()))
    finally:
        kept = {key: binding[key] for key in ("apiVersion", "kind", "roleRef", "subjects")}
        client.apply(path, {**kept, "metadata": {"name": DISCOVERY}}).ok()
