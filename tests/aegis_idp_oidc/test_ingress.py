"""What the proxy makes of an OpenID Connect server's tokens and keys: its own code, a server of the tests."""

from collections.abc import Iterator

import pytest

from aegis_idp.conformance import Cluster, ProviderUnderTest
from aegis_idp_oidc import PLUGIN
from support.ingress_suite import IngressSuite
from support.oidc_server import OidcServer, TrustedIssuer

_AUDIENCES = frozenset({"aegis", "stock.shop.svc", "bills.bank.svc"})


class TestIngress(IngressSuite):
    @pytest.fixture
    def provider(self) -> Iterator[ProviderUnderTest]:
        with Cluster(public=True) as cluster:
            trusted = TrustedIssuer(cluster.issuer, cluster.jwks_uri)
            with OidcServer(audiences=_AUDIENCES, trusted=trusted) as server:
                config = {"issuer": server.issuer, "grant": "jwt_bearer", "audienceParameter": "resource"}
                yield ProviderUnderTest(PLUGIN, config, cluster)
