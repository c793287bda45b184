"""The five questions; what all plugins share is in `test_conformance`."""

from collections.abc import Iterator
from typing import Any

import pytest

from aegis_api.names import Subject
from aegis_api.reading import Node
from aegis_idp.blocking import BlockingHttp, run
from aegis_idp.conformance import Cluster, ProviderUnderTest
from aegis_idp.conformance.loopback import Answer, HangUp
from aegis_idp.conformance.verifying import verified
from aegis_idp.errors import ClaimRefused, Misconfigured, Refused, Unavailable
from aegis_idp.settings import read_settings
from aegis_idp.values import KeySetDocument, KeySetUrl, Secret, Trust
from aegis_idp_oidc import PLUGIN
from aegis_idp_oidc.settings import OidcSettings
from support.fake_http import FakeHttp, answer
from support.oidc_server import Client, OidcServer, TrustedIssuer

ISSUER = "https://issuer.example"
ORDERS = Subject("shop", "orders")
CLIENT = Client("aegis.shop.orders", federated_subject=str(ORDERS))


def _settings(**config: Any) -> OidcSettings:
    return read_settings(OidcSettings, Node({"issuer": ISSUER, **config}))


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(public=True) as cluster:
        yield cluster


@pytest.fixture
def server(cluster: Cluster) -> Iterator[OidcServer]:
    with OidcServer((CLIENT,), trusted=TrustedIssuer(cluster.issuer, cluster.jwks_uri), algorithm="RS256") as server:
        yield server


def _provider(server: OidcServer, cluster: Cluster, **config: Any) -> ProviderUnderTest:
    return ProviderUnderTest(PLUGIN, {"issuer": server.issuer, "grant": "client_assertion", **config}, cluster)


def _acquired(provider: ProviderUnderTest, http: BlockingHttp | None = None) -> Secret:
    request = provider.mounts(ORDERS).request(provider.audience)
    return run(PLUGIN.acquire(provider.settings, request, http or BlockingHttp()))


def test_trust_is_what_the_settings_say() -> None:
    """With keys at hand nobody is asked."""
    keys = {"keys": [{"kid": "a"}]}
    settings = _settings(jwks=keys, algorithms=["ES256"], types=["x+jwt"], maxLifetimeSeconds=600)
    trust = run(PLUGIN.trust(settings, FakeHttp({})))
    assert trust == Trust(ISSUER, KeySetDocument(keys), frozenset({"ES256"}), frozenset({"x+jwt"}), 600)


def test_a_key_set_address_is_used_as_it_is() -> None:
    """Without discovery."""
    assert run(PLUGIN.trust(_settings(jwksUri=f"{ISSUER}/k?v=1"), FakeHttp({}))).key_set == KeySetUrl(f"{ISSUER}/k?v=1")


def test_discovery_finds_the_keys(server: OidcServer, cluster: Cluster) -> None:
    """And only discovery is asked for: fetching keys is the host's."""
    trust = run(PLUGIN.trust(_provider(server, cluster).settings, BlockingHttp()))
    assert trust.key_set == KeySetUrl(f"{server.issuer}/jwks")
    assert server.paths == ["/.well-known/openid-configuration"]


@pytest.mark.parametrize(
    ("config", "claims"),
    [
        ({}, {"sub": "system:serviceaccount:shop:orders"}),
        (
            {"subjectClaim": "https://x/id", "subjectTemplate": "aegis.{namespace}.{name}"},
            {"https://x/id": "aegis.shop.orders"},
        ),
        ({"requiredClaims": {"tenant": "t1"}}, {"sub": "system:serviceaccount:shop:orders", "tenant": "t1"}),
    ],
)
def test_a_claim_leads_to_a_subject(config: dict[str, Any], claims: dict[str, object]) -> None:
    """By the claim and the template of the settings."""
    assert PLUGIN.subject(_settings(**config), claims) == ORDERS


@pytest.mark.parametrize(
    ("config", "claims"),
    [
        ({}, {"sub": "aegis.shop.orders"}),
        ({"subjectTemplate": "aegis.{namespace}.{name}"}, {"sub": "system:serviceaccount:shop:orders"}),
        ({"subjectClaim": "azp"}, {"sub": "system:serviceaccount:shop:orders"}),
        ({"requiredClaims": {"tenant": "t1"}}, {"sub": "system:serviceaccount:shop:orders"}),
        ({"requiredClaims": {"tenant": "t1"}}, {"sub": "system:serviceaccount:shop:orders", "tenant": "t2"}),
        ({"requiredClaims": {"tenant": "t1"}}, {"sub": "system:serviceaccount:shop:orders", "tenant": ["t1"]}),
    ],
)
def test_other_claims_are_refused(config: dict[str, Any], claims: dict[str, object]) -> None:
    """Another form, another claim, another tenant."""
    with pytest.raises(ClaimRefused):
        PLUGIN.subject(_settings(**config), claims)


def test_an_issuer_without_token_endpoint_is_said() -> None:
    """The error says what to set."""
    document = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}
    http = FakeHttp({f"{ISSUER}/.well-known/openid-configuration": answer(document)})
    with Cluster() as cluster:
        provider = ProviderUnderTest(PLUGIN, {"issuer": ISSUER, "grant": "client_assertion"}, cluster)
        with pytest.raises(Misconfigured, match=r"names no token endpoint: set config\.tokenEndpoint"):
            run(PLUGIN.acquire(provider.settings, provider.mounts(ORDERS).request("aegis"), http))


def test_keys_may_rotate_at_both_ends(server: OidcServer, cluster: Cluster) -> None:
    """The server's new key and the cluster's new key are used without a restart."""
    provider = _provider(server, cluster)
    assert verified(provider, _acquired(provider), "aegis")
    server.keys.rotate(overlap=False)
    cluster.keys.rotate(overlap=False)
    assert verified(provider, _acquired(provider), "aegis")["azp"] == CLIENT.id


@pytest.mark.parametrize(
    ("client", "config", "error"),
    [
        (
            None,
            {},
            r"invalid_client .*no client is federated.*; let the server accept the ServiceAccount token of .* with the",
        ),
        (CLIENT, {"clientId": "other"}, r"invalid_client .*for the client other$"),
        (CLIENT, {"scope": "admin"}, r"invalid_scope .*or set config\.scope"),
        (CLIENT, {"audienceParameter": "none"}, r"invalid_target .*\(none\).*; allow the audience aegis at the server"),
        (
            CLIENT,
            {"assertionAudience": "https://elsewhere.example"},
            r"InvalidAudienceError.*audience https://elsewhere",
        ),
    ],
)
def test_a_refusal_says_what_to_do(
    server: OidcServer, cluster: Cluster, client: Client | None, config: dict[str, Any], error: str
) -> None:
    """The server's code, its words, and the way out; the assertion that it quotes does not show."""
    server.clients = {client.id: client} if client else {}
    with pytest.raises(Refused, match=error) as refusal:
        _acquired(_provider(server, cluster, **config))
    assert "eyJ" not in str(refusal.value)


def test_a_used_assertion_is_refused(cluster: Cluster) -> None:
    """A server that wants each assertion once says so, and the token in force is served until the kubelet renews it."""
    trusted = TrustedIssuer(cluster.issuer, cluster.jwks_uri)
    with OidcServer((CLIENT,), trusted=trusted, single_use=True) as server:
        provider = _provider(server, cluster)
        request = provider.mounts(ORDERS).request("aegis")
        run(PLUGIN.acquire(provider.settings, request, BlockingHttp()))
        with pytest.raises(Refused, match="used before"):
            run(PLUGIN.acquire(provider.settings, request, BlockingHttp()))


def _hang_up(_: str) -> Answer:
    raise HangUp


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token"])
@pytest.mark.parametrize(
    "fault",
    [
        lambda _: Answer.json(500, {}),
        lambda _: Answer.json(429, {}),
        lambda _: Answer(200, b"<html>"),
        lambda _: Answer(200, b"x" * 70_000),
        lambda _: Answer(302, b"", {"location": "http://127.0.0.1:1/"}),
        _hang_up,
    ],
    ids=["500", "429", "a page", "too long", "redirect", "down"],
)
def test_a_server_in_trouble_is_unavailable(server: OidcServer, cluster: Cluster, path: str, fault: Any) -> None:
    """On the wire, at each of the two requests."""
    provider = _provider(server, cluster)
    server.fault = lambda asked: fault(asked) if asked == path else None
    with pytest.raises(Unavailable):
        _acquired(provider, BlockingHttp(max_body=65_536))
    server.fault = lambda _: None
    assert verified(provider, _acquired(provider), "aegis")


def test_a_slow_server_is_unavailable(server: OidcServer, cluster: Cluster) -> None:
    """The host's deadline ends the wait."""

    def wait(_: str) -> None:
        server.stopped.wait(30)

    provider = _provider(server, cluster)
    server.fault = wait
    with pytest.raises(Unavailable):
        _acquired(provider, BlockingHttp(seconds=0.2))
