"""The conformance suite, inside a cluster and outside of it."""

from collections.abc import Callable, Iterator

import pytest

from aegis_idp.blocking import BlockingHttp
from aegis_idp.conformance import Cluster, Conformance, ProviderUnderTest
from aegis_idp_kubernetes import PLUGIN


def _rotation_of(cluster: Cluster) -> Callable[[bool], None]:
    return lambda overlap: cluster.keys.rotate(overlap=overlap)


class TestInACluster(Conformance):
    """Discovery and keys at the API server, as a pod."""

    @pytest.fixture
    def provider(self) -> Iterator[ProviderUnderTest]:
        with Cluster() as cluster:
            yield ProviderUnderTest(PLUGIN, {}, cluster, rotate=_rotation_of(cluster))


class TestOutsideOfACluster(Conformance):
    """Discovery at the issuer that the settings name, as anybody."""

    @pytest.fixture
    def provider(self) -> Iterator[ProviderUnderTest]:
        with Cluster(public=True) as cluster:
            config, rotate = {"issuer": cluster.issuer}, _rotation_of(cluster)
            yield ProviderUnderTest(PLUGIN, config, cluster, http=BlockingHttp(), rotate=rotate)
