"""The conformance suite, for each way in which the plugin gets a token."""

from collections.abc import Iterator

import pytest

from aegis_api.names import Subject
from aegis_idp.conformance import Cluster, Conformance, ProviderUnderTest
from aegis_idp.values import SecretKey
from aegis_idp_oidc import PLUGIN
from support.oidc_server import Client, OidcServer, TrustedIssuer

_AUDIENCES = frozenset({"aegis", "stock.shop.svc", "bills.bank.svc"})
_SCOPES = frozenset(f"aud:{audience}" for audience in _AUDIENCES)
_TEMPLATE = "aegis.{namespace}.{name}"


def _client_id(subject: Subject) -> str:
    return f"aegis.{subject.namespace}.{subject.name}"


def _secret(subject: Subject, _: SecretKey) -> str:
    return f"p&ss: wörd/{subject.name}+{subject.namespace}"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(public=True) as cluster:
        yield cluster


@pytest.fixture
def server(cluster: Cluster) -> Iterator[OidcServer]:
    with OidcServer(audiences=_AUDIENCES, trusted=TrustedIssuer(cluster.issuer, cluster.jwks_uri)) as server:
        yield server


class TestClientAssertion(Conformance):
    """RFC 7523 section 2.2, with the client id as subject."""

    @pytest.fixture
    def provider(self, cluster: Cluster, server: OidcServer) -> ProviderUnderTest:
        def enrol(subject: Subject) -> None:
            client = Client(_client_id(subject), federated_subject=str(subject))
            server.clients[client.id] = client

        config = {"issuer": server.issuer, "grant": "client_assertion", "subjectTemplate": _TEMPLATE}
        return ProviderUnderTest(PLUGIN, config, cluster, enrol=enrol, rotate=server.rotate)


class TestJwtBearer(Conformance):
    """RFC 7523 section 2.1, with the ServiceAccount's own subject, and `resource` of RFC 8707."""

    @pytest.fixture
    def provider(self, cluster: Cluster, server: OidcServer) -> ProviderUnderTest:
        config = {"issuer": server.issuer, "grant": "jwt_bearer", "audienceParameter": "resource"}
        return ProviderUnderTest(PLUGIN, config, cluster, rotate=server.rotate)


class TestTokenExchange(Conformance):
    """RFC 8693, with the ServiceAccount's own subject."""

    @pytest.fixture
    def provider(self, cluster: Cluster, server: OidcServer) -> ProviderUnderTest:
        config = {"issuer": server.issuer, "grant": "token_exchange"}
        return ProviderUnderTest(PLUGIN, config, cluster, rotate=server.rotate)


class TestBasicSecret(Conformance):
    """A stored secret in the Authorization header, one Secret for each ServiceAccount."""

    method = "client_secret_basic"

    @pytest.fixture
    def provider(self, cluster: Cluster, server: OidcServer) -> ProviderUnderTest:
        key = SecretKey("", "")

        def enrol(subject: Subject) -> None:
            client = Client(_client_id(subject), secret=_secret(subject, key), scopes=_SCOPES)
            server.clients[client.id] = client

        config = {
            "issuer": server.issuer,
            "jwksUri": f"{server.issuer}/jwks",
            "tokenEndpoint": f"{server.issuer}/token",
            "grant": "client_credentials",
            "clientId": _TEMPLATE,
            "clientSecret": {"name": "aegis-{name}", "key": "secret", "method": self.method},
            "scope": "aud:{audience}",
            "audienceParameter": "none",
            "subjectClaim": "azp",
            "subjectTemplate": _TEMPLATE,
        }
        return ProviderUnderTest(PLUGIN, config, cluster, enrol=enrol, secret=_secret, rotate=server.rotate)


class TestPostedSecret(TestBasicSecret):
    """The same with the secret in the form."""

    method = "client_secret_post"
