"""The conformance suite of the `oidc` plugin on real servers: Keycloak (federated, provisioned) and oidc-provider."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from aegis_api.names import Subject
from aegis_idp.blocking import ApiServer, BlockingHttp
from aegis_idp.conformance import HOST, Cluster, Conformance, ProviderUnderTest
from aegis_idp.conformance.signing import SigningKey
from aegis_idp_oidc import PLUGIN
from servers.keycloak import Keycloak, Realm
from servers.oidc_provider import OidcProvider, started_oidc_provider

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

AUDIENCE = "aegis"
PREFIX = "aegis.test."
TEMPLATE = PREFIX + "{namespace}.{name}"
CLIENT_KEYS: dict[str, SigningKey] = {}


def _client_id(subject: Subject) -> str:
    return f"{PREFIX}{subject.namespace}.{subject.name}"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """The issuer of ServiceAccount tokens that Keycloak trusts."""
    with Cluster(public=True) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def realm(keycloak: Keycloak, cluster: Cluster) -> Realm:
    realm = Realm.make(keycloak, cluster.issuer)
    realm.let_manage_clients(realm.make_client("aegis-reconcile", HOST))
    return realm


def _http(cluster: Cluster) -> BlockingHttp:
    """Patient: what is tested is not how quick a loaded machine is."""
    pod = Subject("aegis-system", "pod")
    api = ApiServer(cluster.issuer, lambda: cluster.token(pod, "https://kubernetes.default.svc"))
    return BlockingHttp(api, seconds=60)


@pytest.fixture
def cleared(realm: Realm) -> Iterator[Realm]:
    """The realm without what a test made."""
    yield realm
    realm.clear(PREFIX)


class TestKeycloakFederated(Conformance):
    """Clients that an administrator made, each with an audience of its own."""

    @pytest.fixture
    def provider(self, cluster: Cluster, cleared: Realm) -> ProviderUnderTest:
        def enrol(subject: Subject) -> None:
            if cleared.clients(_client_id(subject)):
                return
            config = {"included.custom.audience": AUDIENCE, "access.token.claim": "true"}
            kind = {"protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper"}
            mappers = [{"name": "audience", **kind, "config": config}]
            scopes = {"defaultClientScopes": ["basic"], "optionalClientScopes": []}
            cleared.make_client(_client_id(subject), subject, protocolMappers=mappers, **scopes)

        config = {
            "issuer": cleared.issuer,
            "grant": "client_assertion",
            "audienceParameter": "none",
            "subjectClaim": "azp",
            "subjectTemplate": TEMPLATE,
        }
        return ProviderUnderTest(
            PLUGIN, config, cluster, http=_http(cluster), audience=AUDIENCE, enrol=enrol, rotate=cleared.rotate
        )


class TestKeycloakProvisioned(Conformance):
    """Clients and scopes that the plugin makes itself, as the reconcile function."""

    @pytest.fixture
    def provider(self, cluster: Cluster, cleared: Realm) -> ProviderUnderTest:
        config = {
            "issuer": cleared.issuer,
            "grant": "client_assertion",
            "audienceParameter": "none",
            "subjectClaim": "azp",
            "subjectTemplate": TEMPLATE,
            "keycloak": {},
        }
        return ProviderUnderTest(
            PLUGIN,
            config,
            cluster,
            http=_http(cluster),
            audience=AUDIENCE,
            objects=lambda: _objects(cleared),
            rotate=cleared.rotate,
            spoil=lambda subject: _spoil(cleared, subject),
        )


def _objects(realm: Realm) -> object:
    """What there is of ours, without what Keycloak makes up: ids of clients and mappers, times, unused secrets."""
    return {
        "clients": {client["clientId"]: _plain(client) for client in realm.clients(PREFIX)},
        "scopes": {scope["name"]: _plain(scope) for scope in realm.scopes(PREFIX)},
    }


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    made_up = ("id", "secret", "access")
    attributes = {key: value for key, value in found["attributes"].items() if key != "client.secret.creation.time"}
    mappers = [{**mapper, "id": ""} for mapper in found.get("protocolMappers", ())]
    for key in ("defaultClientScopes", "optionalClientScopes"):
        found = {**found, key: sorted(found.get(key, ()))}
    kept = {key: value for key, value in found.items() if key not in made_up}
    plain: dict[str, Any] = json.loads(json.dumps({**kept, "attributes": attributes, "protocolMappers": mappers}))
    return plain


def _spoil(realm: Realm, subject: Subject) -> None:
    """An administrator's slips: another subject, more rights, another audience, a scope that puts in more."""
    (client,) = realm.clients(_client_id(subject))
    (scope,) = realm.scopes(_client_id(subject))
    roles = next(one["id"] for one in realm.admin("GET", "/client-scopes") if one["name"] == "roles")
    mapper = {
        "name": "more",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": {"included.custom.audience": "other", "access.token.claim": "true"},
    }
    attributes = {**client["attributes"], "jwt.credential.sub": "system:serviceaccount:evil:evil"}
    changed = {**client, "attributes": attributes, "directAccessGrantsEnabled": True, "protocolMappers": [mapper]}
    realm.admin("PUT", f"/clients/{client['id']}", changed)
    realm.admin("PUT", f"/clients/{client['id']}/default-client-scopes/{roles}")
    realm.admin("POST", f"/client-scopes/{scope['id']}/protocol-mappers/models", mapper)


@pytest.fixture(scope="module")
def oidc_provider() -> Iterator[OidcProvider]:
    with started_oidc_provider(frozenset({AUDIENCE, "stock.shop.svc", "bills.bank.svc"})) as server:
        yield server


def _provider_config(server: OidcProvider, credential: Mapping[str, object]) -> dict[str, object]:
    return {
        "issuer": server.issuer,
        "grant": "client_credentials",
        "clientId": TEMPLATE,
        "audienceParameter": "resource",
        "audienceTemplate": "urn:aegis:{audience}",
        "subjectClaim": "client_id",
        "subjectTemplate": TEMPLATE,
        **credential,
    }


class TestOidcProviderSecret(Conformance):
    """A stored secret, in the Authorization header."""

    method = "client_secret_basic"

    @pytest.fixture
    def provider(self, cluster: Cluster, oidc_provider: OidcProvider) -> ProviderUnderTest:
        def enrol(subject: Subject) -> None:
            secret = _client_secret(subject)
            oidc_provider.register(_client_id(subject), client_secret=secret, token_endpoint_auth_method=self.method)

        credential = {"clientSecret": {"name": "aegis-{name}", "key": "secret", "method": self.method}}
        return ProviderUnderTest(
            PLUGIN,
            _provider_config(oidc_provider, credential),
            cluster,
            http=_http(cluster),
            audience=AUDIENCE,
            enrol=enrol,
            secret=lambda subject, _: _client_secret(subject),
            rotate=oidc_provider.rotate,
        )


def _client_secret(subject: Subject) -> str:
    return f"p&ss: w%rd/{subject.name}+{subject.namespace}"


class TestOidcProviderPostedSecret(TestOidcProviderSecret):
    """The same with the secret in the form."""

    method = "client_secret_post"


class TestOidcProviderKey(Conformance):
    """private_key_jwt: the client signs its own assertion."""

    @pytest.fixture(params=["ES256", "RS256"])
    def provider(
        self, request: pytest.FixtureRequest, cluster: Cluster, oidc_provider: OidcProvider
    ) -> ProviderUnderTest:
        key = CLIENT_KEYS.setdefault(request.param, SigningKey.make(request.param))

        def enrol(subject: Subject) -> None:
            oidc_provider.register(
                _client_id(subject),
                token_endpoint_auth_method="private_key_jwt",
                token_endpoint_auth_signing_alg=key.algorithm,
                jwks={"keys": [key.jwk()]},
            )

        credential = {"clientKey": {"name": "aegis-{name}", "key": "key.pem", "keyId": key.kid}}
        return ProviderUnderTest(
            PLUGIN,
            _provider_config(oidc_provider, credential),
            cluster,
            http=_http(cluster),
            audience=AUDIENCE,
            enrol=enrol,
            secret=lambda _, __: _pem(key),
            rotate=oidc_provider.rotate,
        )


def _pem(key: SigningKey) -> str:
    text: bytes = key.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return text.decode()
