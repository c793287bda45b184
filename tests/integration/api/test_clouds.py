"""The mesh with each cloud: webhook, reconcile function and sidecars are the real ones, as processes of their own.

The clouds are fakes, which judge the API server's own tokens by the keys that it publishes. The reconcile function
signs in there with a token of its own ServiceAccount, by the vendor's SDK where the plugin uses one.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp_fakes.certificates import server_context
from servers.deployment import MeshNamespace, install
from servers.reconcile_function import ReconcileProcess
from servers.sidecar import Sidecar
from servers.webhook_function import WebhookFunction
from support.admission import pod
from support.api_cluster import ApiCluster, AsPod
from support.api_server import ApiServer
from support.clouds import Cloud, cloud
from support.documents import page
from support.kube_client import Object, path_of
from support.recording_origin import RecordingOrigin
from support.secret_search import leaks
from support.waiting import eventually

INGRESS = {"ingress": "true", "ingress.port": "8080", "redirect": "none"}
EGRESS = {"egress": "true", "redirect": "none"}
SECONDS = 60.0

# Why a token of another customer of the same cloud counts for nothing: Google and Cognito have one issuer and one set
# of keys for all the world.
STRANGERS = {
    "aws": "unknown_issuer",
    "cognito": "wrong_audience",
    "azure": "unknown_issuer",
    "gcp": "no_subject",
}


@pytest.fixture(scope="module")
def injecting(api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebhookFunction]:
    """The webhook, which an API server with the mesh's kinds and rights has look at pods."""
    install(api_server)
    folder = tmp_path_factory.mktemp("tls")
    with WebhookFunction(api_server, folder) as webhook, webhook.registered():
        yield webhook


@pytest.fixture(scope="module")
def function(
    api_server: ApiServer, injecting: WebhookFunction, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ReconcileProcess]:
    """The function that makes identities. All fakes of this process have one certificate, which it trusts."""
    _, ca_file = server_context(tmp_path_factory.mktemp("trust"))
    trust = {"SSL_CERT_FILE": str(ca_file), "REQUESTS_CA_BUNDLE": str(ca_file)}
    with ReconcileProcess(api_server, **trust) as started:
        yield started


@pytest.fixture(params=list(STRANGERS))
def fake(request: pytest.FixtureRequest, injecting: WebhookFunction, api_server: ApiServer) -> Iterator[Cloud]:
    """A cloud that trusts the tokens of the API server."""
    cluster = ApiCluster(api_server)
    with cloud(request.param, cluster, AsPod(cluster.http())) as made, pytest.MonkeyPatch.context() as patch:
        # For SDKs within this process, by which a test is another customer of the cloud.
        patch.setenv("REQUESTS_CA_BUNDLE", str(made.server.ca_file))
        yield made


class Shop(MeshNamespace):
    """A namespace whose provider is a cloud, and its sidecars, which end with `stack`."""

    def __init__(self, function: ReconcileProcess, name: str, fake: Cloud, folder: Path, stack: ExitStack) -> None:
        super().__init__(function.cluster.client, name)
        self.cluster = function.cluster
        self.fake = fake
        self.function = function
        self.provider = f"{fake.way}-{name}"
        self._folder = folder
        self._stack = stack

    def put(self, kind: str, name: str, spec: dict[str, Any]) -> str:
        """As a user who tries again: the webhook may be slow, and remembers for seconds what it has read."""
        return eventually(lambda: super(Shop, self).put(kind, name, spec), SECONDS)

    def refused(self, name: str, words: str, *hosts: str) -> None:
        """Waits until admission refuses this Identity in these words."""
        spec = {"provider": self.provider, "egress": {"hosts": list(hosts)}}
        eventually(lambda: words in self.write("Identity", name, spec, dryRun="All").message, SECONDS)

    def provide(self, **spec: object) -> None:
        """The provider, for this namespace alone."""
        labels = {"matchLabels": {"kubernetes.io/metadata.name": self.name}}
        self.put("ClusterIdentityProvider", self.provider, {**self.fake.spec, "namespaceSelector": labels, **spec})

    def identities(self, **hosts: list[str]) -> list[str]:
        """Identities that are Ready, and that the provider's status names; their paths."""
        paths = []
        if self.fake.way == "cognito":
            self.lend(*hosts)
        for name, listed in hosts.items():
            spec = {"provider": self.provider, "egress": {"hosts": listed}}
            paths.append(self.put("Identity", name, spec))
        subjects = {f"system:serviceaccount:{self.name}:{name}" for name in hosts}
        self.converged(lambda: all(self.condition(path) == "True" for path in paths) and subjects <= self.known())
        return paths

    def lend(self, *accounts: str) -> None:
        """Lets the function ask for tokens of these ServiceAccounts, as the page of AWS says."""
        blocks = [yaml.safe_load_all(block) for block in page("docs/providers/aws.md").blocks("yaml")]
        for document in (document for block in blocks for document in block):
            if document["kind"] == "Role":
                document["rules"][0]["resourceNames"] = list(accounts)
            if document["kind"] in ("Role", "RoleBinding"):
                document["metadata"]["namespace"] = self.name
                name, plural = document["metadata"]["name"], f"{document['kind'].lower()}s"
                self.client.apply(path_of(document["apiVersion"], plural, name, self.name), document).ok()

    def clear(self) -> None:
        """Deletes all Identities, waits until their provider has let them go, and deletes it."""
        items = self.client.get(self.path("Identity")).ok()["items"]
        paths = [self.path("Identity", item["metadata"]["name"]) for item in items]
        for path in paths:
            self.client.delete(path).ok()
        self.converged(lambda: all(self.client.get(path).status == 404 for path in paths))
        self.client.delete(self.path("ClusterIdentityProvider", self.provider))

    def known(self) -> set[str]:
        """Whom the provider's status knows by an id of the cloud."""
        return set(self.status(self.path("ClusterIdentityProvider", self.provider)).get("principals", {}).values())

    def converged(self, done: Callable[[], bool]) -> None:
        """Ticks until it is so."""
        eventually(lambda: self.function.tick() and done(), SECONDS)

    def origin(self) -> RecordingOrigin:
        """An app, or what stands in a callee's place to see what comes."""
        return self._stack.enter_context(RecordingOrigin())

    def sidecar(self, name: str, annotations: dict[str, str], app: int = 9, **ports: int) -> Sidecar:
        """The injected proxy of the pod of that identity, ready; `ports` are those of the services that it calls."""
        document = pod({"identity": name, **annotations})
        document["metadata"]["name"] = name
        stored: Object = eventually(lambda: self.create_pod(document).ok(), SECONDS)
        role = path_of("rbac.authorization.k8s.io/v1", "roles", f"aegis-proxy-{name}", self.name)
        self.converged(lambda: self.client.get(role).status == 200)
        (self._folder / name).mkdir()
        at = {f"{self.host(service)}:80": port for service, port in ports.items()}
        made = Sidecar(
            self.cluster, stored, self._folder / name, app, destinations=at, trusted=self.fake.server.ca_file
        )
        proxy = self._stack.enter_context(made)
        proxy.wait_until_ready()
        return proxy

    def host(self, service: str) -> str:
        return f"{service}.{self.name}.svc"

    def send(self, proxy: Sidecar, service: str, target: str = "/") -> int:
        """The status that an app sees that calls a service."""
        return proxy.send(f"http://{self.host(service)}{target}", self.host(service)).status

    def token_of_another_customer(self, name: str) -> str:
        """Signed by the same cloud, for the same ServiceAccount, which another customer of it trusts as well."""
        others, subject = self.fake.others, Subject(self.name, name)
        others.make_known(subject)
        request = others.mounts(subject).request(others.audience)
        return run(others.plugin.acquire(others.settings, request, others.http)).reveal()

    def said(self) -> list[str]:
        """All that anybody can read of it in the cluster, and the function's log."""
        kinds = [path_of("v1", kind, namespace=self.name) for kind in ("events", "pods", "serviceaccounts")]
        kinds += [self.path(kind) for kind in ("Identity", "ClusterIdentityProvider")]
        return [self.function.process.log.read_text(), *(json.dumps(self.client.get(path).ok()) for path in kinds)]


@pytest.fixture
def shop(function: ReconcileProcess, fake: Cloud, namespace: str, tmp_path: Path) -> Iterator[Shop]:
    with ExitStack() as stack:
        shop = Shop(function, namespace, fake, tmp_path, stack)
        shop.account("default")
        yield shop
        shop.clear()


def received_token(origin: RecordingOrigin) -> str:
    """The token of the one request that came."""
    (request,) = origin.requests
    return (request.value(b"authorization") or b"").decode().removeprefix("Bearer ")


def port_of(proxy: Sidecar) -> int:
    return int(proxy.events("listening")[0]["ingress"].rpartition(":")[2])


def refusal(proxy: Sidecar, token: str) -> str:
    """Why the callee refuses a token."""
    before = proxy.refusals()
    assert proxy.call(token).status == 401
    (reason,) = proxy.refusals() - before
    return reason


@pytest.mark.attack("S01", "S06")
def test_from_an_identity_to_a_request_that_is_let_through(shop: Shop, injecting: WebhookFunction) -> None:
    """What the cloud issued for the caller is taken, for another caller refused, and of another customer unknown.

    With the Identities goes all that was made, and what tokens are left count no more. No secret shows anywhere.
    """
    fake = shop.fake
    before = fake.ours.objects()
    shop.provide()
    paths = shop.identities(caller=[shop.host("orders"), shop.host("spy")], other=[shop.host("orders")], orders=[])
    assert fake.ours.objects() != before
    shop.policy("orders", {"identities": ["caller"], "methods": ["GET"], "paths": ["/orders"]})
    app, spy = shop.origin(), shop.origin()
    serving = shop.sidecar("orders", {**INGRESS, "ingress.policy": "orders"}, app.port)
    calling = shop.sidecar("caller", EGRESS, orders=port_of(serving), spy=spy.port)
    other = shop.sidecar("other", EGRESS, orders=port_of(serving))
    assert [shop.send(calling, "orders", target) for target in ("/orders/7", "/admin")] == [200, 403]
    assert shop.send(other, "orders", "/orders/7") == 403
    (received,) = app.requests
    assert received.value(b"x-aegis-identity") == f"system:serviceaccount:{shop.name}:caller".encode()
    own = shop.cluster.token(shop.name, "caller", [fake.ours.audience])
    assert [refusal(serving, token) for token in ("", own)] == ["no_token", "unknown_issuer"]
    assert refusal(serving, shop.token_of_another_customer("caller")) == STRANGERS[fake.way]

    assert shop.send(calling, "spy") == 200
    token = received_token(spy)
    assert serving.call(token, "/orders").status == 200
    shop.client.delete(paths[0]).ok()
    shop.converged(lambda: shop.client.get(paths[0]).status == 404)
    eventually(lambda: serving.call(token, "/orders").status == 401)
    assert refusal(serving, token) == "no_subject"
    eventually(lambda: shop.send(calling, "orders", "/orders/7") == 503)
    said = shop.said()
    shop.clear()
    assert fake.ours.objects() == before
    said += [*shop.said(), injecting.process.log.read_text()]
    secrets = [*fake.secrets(), token, own]
    assert all(said)
    assert [leak for text in said for leak in leaks(text, secrets)] == []


def test_a_token_for_one_service_is_refused_by_the_next(shop: Shop) -> None:
    """With an audience per destination; where a cloud cannot have it, admission says so."""
    if shop.fake.way == "cognito":
        shop.provide(audiencePerDestination=True)
        shop.refused("caller", "has one audience, its own id, for all destinations")
        return
    if shop.fake.name_destinations:
        wanted = [shop.host("orders"), shop.host("stock")]
        shop.provide(audiencePerDestination=True)
        shop.refused("caller", f"there is none for {', '.join(wanted)}", *wanted)
        shop.provide(audiencePerDestination=True, config={**shop.fake.config, **shop.fake.name_destinations(*wanted)})
    else:
        shop.provide(audiencePerDestination=True)
    shop.identities(caller=[shop.host("orders"), shop.host("stock")], orders=[], stock=[])
    shop.policy("open", {"identities": ["caller"], "methods": ["GET"], "paths": ["/"]})
    seen = {name: shop.origin() for name in ("orders", "stock")}
    calling = shop.sidecar("caller", EGRESS, **{name: origin.port for name, origin in seen.items()})
    assert [shop.send(calling, name) for name in seen] == [200, 200]
    for name in seen:
        hosts = {"ingress.policy": "open", "ingress.hosts": shop.host(name)}
        serving = shop.sidecar(name, {**INGRESS, **hosts}, shop.origin().port)
        for addressed, origin in seen.items():
            if addressed == name:
                assert serving.call(received_token(origin)).status == 200
            else:
                assert refusal(serving, received_token(origin)) == "wrong_audience"


def test_the_provider_of_a_namespace_gets_no_token_of_the_function(shop: Shop) -> None:
    """Its users say where the token goes, and a cloud's audience is good at more than one address.

    Nothing can have been made there, so nothing holds the Identity when it is deleted.
    """
    fake = shop.fake
    shop.put("IdentityProvider", "own", fake.spec)
    identity = shop.put("Identity", "caller", {"provider": "own"})
    shop.converged(lambda: "only a ClusterIdentityProvider may ask for it" in json.dumps(shop.status(identity)))
    assert shop.condition(identity) == "False"
    assert fake.secrets() == []
    shop.clear()
