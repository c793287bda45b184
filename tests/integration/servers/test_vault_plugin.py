"""The plugin `hashicorp.vault` on a real Vault: the conformance suite, and what only the real server can tell."""

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from aegis_api.hosts import HostPattern
from aegis_api.names import Subject
from aegis_idp.blocking import BlockingHttp, run
from aegis_idp.conformance import HOST, Cluster, Conformance, ProviderUnderTest
from aegis_idp.conformance.loopback import Answer, LoopbackServer, Received
from aegis_idp.conformance.signing import SigningKey
from aegis_idp.conformance.verifying import TokenRefused, verified
from aegis_idp.conformance.wires import Tapped
from aegis_idp.errors import ClaimRefused, ForeignObject, ProviderError, Refused, Unavailable
from aegis_idp.http import Response
from aegis_idp.values import Owner
from aegis_idp_vault import PLUGIN
from aegis_idp_vault.marks import MOST_DESTINATIONS
from aegis_idp_vault.wire import Vault, login
from servers.vault import Mount, VaultServer, clear, contents
from support.fake_http import answer
from support.waiting import eventually

pytestmark = pytest.mark.servers

ORDERS, SAME_NAME = Subject("shop", "orders"), Subject("bank", "orders")


def _refusal(text: str) -> Response:
    return answer({"errors": [text]}, 400)


def _config_of(cluster: Cluster) -> dict[str, object]:
    """How Vault learns the cluster's keys; a rotated one is fetched when it is met."""
    return {"jwks_url": cluster.jwks_uri, "bound_issuer": cluster.issuer}


def _public_pem(key: SigningKey) -> str:
    pem: bytes = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(public=True) as cluster:
        yield cluster


@pytest.fixture
def mount(cluster: Cluster, vault_server: VaultServer) -> Iterator[Mount]:
    mount = vault_server.trust_cluster(_config_of(cluster), HOST)
    yield mount
    clear(vault_server, mount)


@pytest.fixture
def config(vault_server: VaultServer, mount: Mount) -> dict[str, Any]:
    """What a test may change before it asks for `provider`."""
    return {"address": vault_server.url, "mount": mount.path, "accessor": mount.accessor}


@pytest.fixture
def provider(vault_server: VaultServer, cluster: Cluster, mount: Mount, config: dict[str, Any]) -> ProviderUnderTest:
    """What there is, is compared from the first login of the reconcile function on: Vault keeps an entity for it."""

    def kids() -> set[str]:
        return {key["kid"] for key in vault_server.ask("GET", "identity/oidc/.well-known/keys")["keys"]}  # type: ignore[attr-defined]  # a JSON value

    def rotate(overlap: bool) -> None:
        """Vault withdraws a key when its time is over, and looks now and then."""
        before = kids()
        vault_server.ask("POST", "identity/oidc/key/default/rotate", {} if overlap else {"verification_ttl": "1s"})
        assert overlap or eventually(lambda: before - kids(), 60)

    def spoil(subject: Subject) -> None:
        for name in vault_server.keys("identity/oidc/role"):
            if f".{subject.namespace}.{subject.name}_" in name:
                vault_server.ask("POST", f"identity/oidc/role/{name}", {"template": "", "client_id": "other"})

    provider = ProviderUnderTest(
        PLUGIN,
        config,
        cluster,
        objects=lambda: contents(vault_server, mount),
        # A withdrawal takes up to a minute, and has nothing to do with the accessor: once is enough.
        rotate=rotate if "accessor" in config else None,
        spoil=spoil,
        refusal=_refusal,
        refusal_code="status 400",
    )
    run(PLUGIN.deprovision(provider.settings, provider.request(ORDERS), provider.http))
    return provider


class TestConformance(Conformance):
    """The whole suite, provisioning included, with the rights of docs/providers/vault.md and no others."""


class TestConformanceWithoutAccessor(Conformance):
    """The same with the least that settings can say."""

    @pytest.fixture
    def config(self, vault_server: VaultServer, mount: Mount) -> dict[str, Any]:
        return {"address": vault_server.url, "mount": mount.path}


def _token(provider: ProviderUnderTest, subject: Subject = ORDERS, audience: str = "aegis") -> Any:
    return run(PLUGIN.acquire(provider.settings, provider.mounts(subject).request(audience), provider.http))


def _why(provider: ProviderUnderTest, kind: type[ProviderError] = Refused) -> str:
    """What `acquire` raises."""
    with pytest.raises(kind) as caught:
        _token(provider)
    return str(caught.value)


def test_from_nothing_it_takes_four_requests(provider: ProviderUnderTest) -> None:
    """Counted on the wire."""
    tap = Tapped(provider.http)
    run(PLUGIN.provision(provider.settings, provider.request(ORDERS), tap))
    assert len(tap.sent) == 4
    assert verified(provider, _token(provider), "aegis")["name"] == str(ORDERS)


def test_namesakes_of_two_clusters_do_not_meet(
    provider: ProviderUnderTest, config: dict[str, Any], vault_server: VaultServer
) -> None:
    """Both have their own auth method at one Vault: both identities live, and neither's token is good at the other."""
    with Cluster(public=True) as cluster:
        mount = vault_server.trust_cluster(_config_of(cluster), HOST)
        config_there = {**config, "mount": mount.path, "accessor": mount.accessor}
        there = ProviderUnderTest(PLUGIN, config_there, cluster)
        for each in (provider, there):
            each.made(ORDERS, owner=Owner(each.cluster.issuer, "the-same-uid"))
        for each, other in ((provider, there), (there, provider)):
            claims = verified(other, _token(each), "aegis")
            assert each.subject(claims) == ORDERS
            with pytest.raises(ClaimRefused, match="mount"):
                other.subject(claims)


def test_two_clusters_with_one_auth_method_are_told(provider: ProviderUnderTest) -> None:
    """The second finds the mark of the first."""
    provider.made(ORDERS, owner=Owner("another-cluster", "u"))
    with pytest.raises(ForeignObject, match="marked as that of the Identity u of the cluster another-cluster"):
        provider.made(ORDERS)


def test_a_token_whose_template_failed_is_refused(provider: ProviderUnderTest, vault_server: VaultServer) -> None:
    """Vault issues it all the same, without the claims; the next run mends the role."""
    made = provider.make_known(ORDERS)
    vault_server.ask("POST", f"identity/oidc/role/{made.metadata['roles']}", {"template": ""})
    with pytest.raises(ClaimRefused, match="the claim mount is absent"):
        provider.subject(verified(provider, _token(provider), "aegis"))
    provider.make_known(ORDERS)
    assert provider.subject(verified(provider, _token(provider), "aegis")) == ORDERS


def test_what_was_removed_by_hand_is_made_again(provider: ProviderUnderTest, vault_server: VaultServer) -> None:
    """The entity; and the roles of the old one, which nobody could use any more, go."""
    made = provider.make_known(ORDERS)
    before = provider.objects()
    vault_server.ask("DELETE", f"identity/entity/id/{made.metadata['entity']}")
    again = provider.made(ORDERS, metadata=made.metadata)
    assert again.metadata["entity"] != made.metadata["entity"]
    assert provider.objects() == before


def test_a_pod_that_was_quicker(provider: ProviderUnderTest) -> None:
    """Its login makes an entity, with which it can do nothing until it is provisioned."""
    assert "conditions of its Identity" in _why(provider)
    provider.make_known(ORDERS)
    assert _token(provider)


def test_an_entity_that_somebody_built_on_is_left(provider: ProviderUnderTest, vault_server: VaultServer) -> None:
    """Policies are no part of what we make: the entity stays, without our mark."""
    made = provider.make_known(ORDERS)
    vault_server.ask("POST", f"identity/entity/id/{made.metadata['entity']}", {"policies": ["default"]})
    run(PLUGIN.deprovision(provider.settings, provider.request(ORDERS), provider.http))
    left = vault_server.data(f"identity/entity/id/{made.metadata['entity']}")
    assert left["policies"] == ["default"]
    assert vault_server.keys("identity/oidc/role") == []
    with pytest.raises(ForeignObject, match="somebody else made or changed"):
        provider.made(ORDERS)


def _as(vault_server: VaultServer, provider: ProviderUnderTest, role: str, subject: Subject, audience: str) -> Any:
    """Sends requests with the token of a login; gives their statuses."""
    settings = provider.settings
    session = run(login(Vault(settings, BlockingHttp()), role, provider.cluster.token(subject, audience)))

    def send(method: str, path: str, body: dict[str, object] | None = None) -> int:
        try:
            run(session.vault.ask(method, path, path, body))
        except Refused as refused:
            return int(refused.code)
        return 200

    return send


def test_a_pod_may_read_its_own_tokens_alone(provider: ProviderUnderTest, vault_server: VaultServer) -> None:
    """Not those of another, not the roles, not itself, not a secret."""
    mine, theirs = provider.make_known(ORDERS).metadata, provider.make_known(SAME_NAME).metadata
    send = _as(vault_server, provider, "aegis", ORDERS, "vault")
    assert send("GET", f"identity/oidc/token/{mine['roles']}") == 200
    for method, path in [
        ("GET", f"identity/oidc/token/{theirs['roles']}"),
        ("GET", f"identity/oidc/role/{mine['roles']}"),
        ("GET", f"identity/entity/id/{mine['entity']}"),
        ("GET", "auth/token/lookup-self"),
        ("GET", "secret/data/x"),
        ("POST", "identity/entity-alias"),
    ]:
        assert send(method, path, {}) == 403, path


def test_the_reconcile_function_may_make_identities_alone(
    provider: ProviderUnderTest, vault_server: VaultServer, mount: Mount
) -> None:
    """No way leads from its rights into those of somebody else."""
    admin = vault_server.ask("POST", "identity/entity", {"name": f"admin-{mount.path}", "policies": ["default"]})
    entity = admin["data"]
    assert isinstance(entity, dict)
    send = _as(vault_server, provider, "aegis-reconcile", HOST, vault_server.url)
    alias = {"name": str(HOST), "mount_accessor": mount.accessor, "custom_metadata": {}}
    assert send("POST", "identity/entity-alias", alias) == 200
    for method, path, body in [
        ("POST", "identity/entity-alias", {**alias, "canonical_id": entity["id"]}),
        ("POST", "identity/entity-alias", {**alias, "entity_id": entity["id"]}),
        ("POST", "identity/entity-alias", {**alias, "name": "admin"}),
        ("POST", "identity/entity-alias", {**alias, "mount_accessor": "auth_token_1"}),
        ("POST", "identity/entity-alias", {**alias, "id": "0b0ab0a3-3a3b-4f6a-9d3c-6a5e0e6c6a11"}),
        ("POST", f"identity/entity/id/{entity['id']}", {"policies": ["root"]}),
        ("POST", "identity/entity/name/x", {"policies": ["aegis"]}),
        ("GET", f"identity/entity/id/{entity['id']}", None),
        ("POST", "identity/lookup/entity", {"id": entity["id"]}),
        ("POST", f"auth/{mount.path}/role/x", {"role_type": "jwt", "user_claim": "sub"}),
        ("POST", "sys/policies/acl/x", {"policy": ""}),
        ("POST", "identity/oidc/role/other", {"key": "default"}),
        ("POST", "identity/oidc/role/aegis.another-mount.x", {"key": "default"}),
        ("GET", "secret/data/x", None),
    ]:
        assert send(method, path, body) == 403, f"{path} {body}"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda _, config: config.update(role="nonesuch"),
            r'role "nonesuch" could not be found; make the role nonesuch at auth/',
        ),
        (
            lambda vault, config: vault.change_role(config["mount"], "aegis", bound_audiences=["x"]),
            r"invalid audience .* list the token's audience in the role's bound_audiences: vault",
        ),
        (
            lambda vault, config: vault.change_role(config["mount"], "aegis", bound_subject="x"),
            r"invalid subject .* bound_subject",
        ),
        (
            lambda vault, config: vault.change_role(config["mount"], "aegis", bound_claims={"sub": "x"}),
            r"does not match .* bound_claims",
        ),
        (
            lambda vault, config: vault.change_role(config["mount"], "aegis", token_policies=[]),
            r"permission denied; a policy of the role aegis at auth/.* must allow read on identity/oidc/token/",
        ),
        (
            lambda vault, config: vault.ask("DELETE", f"sys/auth/{config['mount']}"),
            r"permission denied; enable a JWT auth method at auth/",
        ),
    ],
    ids=["no role", "audience", "subject", "claims", "no policy", "no mount"],
)
def test_errors_of_a_login_say_what_to_do(
    provider: ProviderUnderTest,
    config: dict[str, Any],
    vault_server: VaultServer,
    spoil: Callable[[VaultServer, dict[str, Any]], object],
    said: str,
) -> None:
    """Which role is missing, which audience to allow, which policy to write."""
    provider.make_known(ORDERS)
    spoil(vault_server, config)
    assert re.search(said, _why(provider)), _why(provider)


@pytest.mark.parametrize(
    ("config_of", "said"),
    [
        (
            lambda cluster: {"jwks_url": cluster.jwks_uri, "bound_issuer": "https://another"},
            r"invalid issuer .* bound_issuer of auth/",
        ),
        (
            lambda _: {"jwt_validation_pubkeys": [_public_pem(SigningKey.make())]},
            r"error verifying token signature.*give auth/.* the keys",
        ),
    ],
    ids=["issuer", "keys"],
)
def test_errors_of_trust_say_what_to_do(
    cluster: Cluster, vault_server: VaultServer, config_of: Callable[[Cluster], dict[str, object]], said: str
) -> None:
    """The auth method trusts another cluster, or none."""
    mount = vault_server.trust_cluster(config_of(cluster), HOST)
    provider = ProviderUnderTest(PLUGIN, {"address": vault_server.url, "mount": mount.path}, cluster)
    assert re.search(said, _why(provider)), _why(provider)


def test_a_cluster_that_vault_cannot_reach(cluster: Cluster, vault_server: VaultServer) -> None:
    """Vault asks for keys that it has not seen yet at the login."""
    away = threading.Event()

    def keys(_: Received) -> Answer:
        return Answer(503) if away.is_set() else Answer.json(200, cluster.keys.key_set())

    with LoopbackServer(keys) as server:
        config = {"jwks_url": f"{server.url}/keys", "bound_issuer": cluster.issuer}
        mount = vault_server.trust_cluster(config, HOST)
        provider = ProviderUnderTest(PLUGIN, {"address": vault_server.url, "mount": mount.path}, cluster)
        away.set()
        assert re.search(r"let Vault reach the cluster's issuer or key set", _why(provider)), _why(provider)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"accessor": "auth_jwt_00000000"}, r"permission denied|invalid mount accessor"),
        ({"key": "nonesuch"}, r'cannot find key "nonesuch"; make the key nonesuch in identity/oidc/key'),
        ({"tokenSeconds": 86400}, None),
        ({"provisionRole": "nonesuch"}, r"could not be found; make the role nonesuch at auth/"),
    ],
)
def test_errors_of_provisioning_say_what_to_do(
    provider: ProviderUnderTest, config: dict[str, Any], changes: dict[str, Any], said: str | None
) -> None:
    """They end in the Identity's conditions."""
    config.update(changes)
    if said is None:
        provider.made(ORDERS)
        return
    with pytest.raises(Refused, match=said):
        provider.made(ORDERS)


def test_a_token_that_would_outlive_its_key(
    provider: ProviderUnderTest, config: dict[str, Any], vault_server: VaultServer
) -> None:
    """Vault refuses the role."""
    key = {"allowed_client_ids": "*", "verification_ttl": "600s", "rotation_period": "600s"}
    vault_server.ask("POST", "identity/oidc/key/short", key)
    config["key"] = "short"
    with pytest.raises(Refused, match=r"lower config\.tokenSeconds, or raise verification_ttl of the key short"):
        provider.made(ORDERS)


def test_a_key_that_does_not_allow_the_audience(
    provider: ProviderUnderTest, config: dict[str, Any], vault_server: VaultServer
) -> None:
    """Said when a token is asked for."""
    vault_server.ask("POST", "identity/oidc/key/narrow", {"allowed_client_ids": "another"})
    config["key"] = "narrow"
    provider.made(ORDERS)
    assert "allowed_client_ids of the key narrow" in _why(provider)


def test_a_rate_limit_says_how_long(provider: ProviderUnderTest, vault_server: VaultServer, mount: Mount) -> None:
    """429 with Retry-After is kept to."""
    provider.make_known(ORDERS)
    vault_server.ask("POST", "sys/quotas/config", {"enable_rate_limit_response_headers": True})
    quota = {"path": f"auth/{mount.path}", "rate": 1, "interval": "60s"}
    vault_server.ask("POST", f"sys/quotas/rate-limit/{mount.path}", quota)
    try:
        _token(provider)
        with pytest.raises(Unavailable, match="quota") as caught:
            _token(provider)
        assert caught.value.retry_after
    finally:
        vault_server.ask("DELETE", f"sys/quotas/rate-limit/{mount.path}")


def test_another_audience_is_another_role(provider: ProviderUnderTest) -> None:
    """Each destination's token is good there alone; a destination that is not listed gets none."""
    provider.made(ORDERS, audience_per_destination=True, hosts=(HostPattern("a.shop.svc"), HostPattern("b.shop.svc")))
    assert verified(provider, _token(provider, audience="a.shop.svc"), "a.shop.svc")
    with pytest.raises(TokenRefused):
        verified(provider, _token(provider, audience="b.shop.svc"), "a.shop.svc")
    with pytest.raises(Refused, match="not found"):
        _token(provider, audience="c.shop.svc")


def test_as_many_destinations_as_fit(provider: ProviderUnderTest, vault_server: VaultServer) -> None:
    """Vault takes the mark with all of them, and the roles of those that are no more listed go."""
    hosts = tuple(HostPattern(f"{'s' * 60}{number:03}.{'n' * 63}.svc") for number in range(MOST_DESTINATIONS))
    long = Subject("n" * 63, f"{'a' * 63}.{'b' * 63}.{'c' * 63}")
    provider.made(long, audience_per_destination=True, hosts=hosts)
    assert len(vault_server.keys("identity/oidc/role")) == MOST_DESTINATIONS
    assert verified(provider, _token(provider, long, hosts[-1].text), hosts[-1].text)["name"] == str(long)
    provider.made(long, audience_per_destination=True, hosts=hosts[:1])
    assert len(vault_server.keys("identity/oidc/role")) == 1
    run(PLUGIN.deprovision(provider.settings, provider.request(long), provider.http))
    assert vault_server.keys("identity/oidc/role") == []
