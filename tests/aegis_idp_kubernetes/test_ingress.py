"""What the proxy makes of the cluster's own tokens and keys: its own code, the keys of a cluster."""

from collections.abc import Iterator

import pytest

from aegis_idp.conformance import Cluster, ProviderUnderTest
from aegis_idp_kubernetes import PLUGIN
from support.ingress_suite import IngressSuite


class TestIngress(IngressSuite):
    @pytest.fixture
    def provider(self) -> Iterator[ProviderUnderTest]:
        with Cluster() as cluster:
            yield ProviderUnderTest(PLUGIN, {}, cluster)
