"""The reconcile function at work on an API server, with just the rights that `knative/20-rights.yaml` gives it."""

import base64
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from aegis_api.provider import read_cluster_identity_provider
from aegis_api.reading import Node
from aegis_idp import discovery
from aegis_idp.blocking import BlockingHttp
from aegis_idp.errors import Misconfigured, Unavailable
from aegis_idp.plugin import Plugin
from aegis_reconcile.asking import Asker
from aegis_reconcile.events import Everything, OneObject
from aegis_reconcile.host import Host
from aegis_reconcile.kube import KubeCluster, connect
from aegis_reconcile.objects import (
    CLUSTER_IDENTITY_PROVIDER,
    IDENTITY,
    IDENTITY_PROVIDER,
    INGRESS_POLICY,
    POD,
    Key,
    Resource,
)
from aegis_reconcile.outcome import Later
from aegis_reconcile.own_account import OwnAccount
from aegis_reconcile.reconciler import Reconciler
from support.api_server import ApiServer
from support.kube_client import KubeClient, path_of
from support.provider_in_memory import ProviderInMemory
from support.waiting import eventually

RIGHTS = Path(__file__).parents[3] / "knative"
MESH = "aegis.aegisproxy.io/v1"


class Function:
    """The function as the ServiceAccount aegis-reconcile, and a user beside it."""

    def __init__(self, server: ApiServer, kubeconfig: Path, namespace: str) -> None:
        self.user = server.client
        self.server = server
        self.namespace = namespace
        self.provider = ProviderInMemory(makes_objects=True)
        cluster = KubeCluster(lambda: connect({"KUBECONFIG": str(kubeconfig)}))
        self.host = Host(OwnAccount(cluster), time.monotonic, Path("/nonexistent"))
        asker = Asker(BlockingHttp(cluster.api_server(), seconds=5), self.host, self._load)
        self.reconciler = Reconciler(cluster, asker, lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))

    def _load(self, provider_type: str) -> Plugin[Any]:
        return self.provider if provider_type == "memory" else discovery.load(provider_type)

    def put(self, resource: Resource, name: str, spec: dict[str, Any], **metadata: Any) -> Key:
        key = Key(resource, self.namespace if resource.namespaced else "", name)
        body = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": name, **metadata},
            "spec": spec,
        }
        self.user.apply(self.path(key), body, manager="user", force=True).ok()
        return key

    def path(self, key: Key, subresource: str | None = None) -> str:
        return path_of(key.resource.api_version, key.resource.plural, key.name, key.namespace or None, subresource)

    def read(self, key: Key) -> Any:
        return self.user.get(self.path(key)).ok()

    def tell(self, key: Key) -> Later | None:
        return self.reconciler.reconcile(OneObject(key))

    def conditions(self, key: Key) -> dict[str, tuple[str, str]]:
        return {item["type"]: (item["status"], item["reason"]) for item in self.read(key)["status"]["conditions"]}

    def pod(self, name: str, account: str, **settings: str) -> Key:
        env = [{"name": f"AEGIS_{key.upper()}", "value": value} for key, value in settings.items()]
        spec = {
            "serviceAccountName": account,
            "initContainers": [{"name": "aegis-proxy", "image": "aegis-proxy", "restartPolicy": "Always", "env": env}],
            "containers": [{"name": "app", "image": "app"}],
        }
        return self.put(POD, name, spec, labels={"aegisproxy.io/injected": "true"})

    def client_of(self, account: str) -> KubeClient:
        return self.server.client_of(self.namespace, account)


@pytest.fixture
def function(api_server: ApiServer, namespace: str, tmp_path: Path) -> Function:
    for file in ("10-namespace.yaml", "20-rights.yaml"):
        for document in yaml.safe_load_all((RIGHTS / file).read_text()):
            plural = document["kind"].lower() + "s"
            meta = document["metadata"]
            path = path_of(document["apiVersion"], plural, meta["name"], meta.get("namespace"))
            api_server.client.apply(path, document, force=True).ok()
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [
            {"name": "c", "cluster": {"server": api_server.url, "certificate-authority": str(api_server.ca_file)}}
        ],
        "users": [{"name": "u", "user": {"token": api_server.token("aegis-system", "aegis-reconcile")}}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
    return Function(api_server, tmp_path / "kubeconfig", namespace)


def test_cluster_is_its_own_identity_provider(function: Function) -> None:
    """A provider of the type kubernetes asks the API server with the function's own token, and shows its issuer."""
    provider = function.put(IDENTITY_PROVIDER, "local", {"type": "kubernetes", "audience": "aegis"})
    identity = function.put(IDENTITY, "cart", {"provider": "local"})
    assert function.tell(provider) is None
    status = function.read(provider)["status"]
    assert status["issuer"] == function.server.issuer
    assert status["observedGeneration"] == 1
    assert function.conditions(provider) == {"Ready": ("True", "Ready"), "ProviderReachable": ("True", "Answered")}
    assert function.conditions(identity)["Ready"] == ("True", "Ready")
    assert function.read(identity)["status"]["subject"] == f"system:serviceaccount:{function.namespace}:cart"
    assert "finalizers" not in function.read(identity)["metadata"]
    account = function.user.get(path_of("v1", "serviceaccounts", "cart", function.namespace)).ok()
    assert account["metadata"]["ownerReferences"][0]["uid"] == function.read(identity)["metadata"]["uid"]


def test_own_writes_make_no_more_writes(function: Function) -> None:
    """After one pass the objects keep their resourceVersion, whatever events and ticks follow."""
    keys = [
        function.put(IDENTITY_PROVIDER, "local", {"type": "kubernetes", "audience": "aegis"}),
        function.put(IDENTITY, "cart", {"provider": "local"}),
        function.put(INGRESS_POLICY, "policy", {"rules": []}),
    ]
    function.reconciler.reconcile(Everything())
    before = [function.read(key)["metadata"]["resourceVersion"] for key in keys]
    for key in keys:
        assert function.tell(key) is None
    function.reconciler.reconcile(Everything())
    assert [function.read(key)["metadata"]["resourceVersion"] for key in keys] == before
    assert function.conditions(keys[2]) == {"Accepted": ("True", "Valid")}


def test_proxy_reads_what_its_pod_uses_and_nothing_else(function: Function) -> None:
    """X20: Kubernetes lets a proxy get, list by name and watch its own objects, and answers 403 for its neighbour's."""
    for name in ("mine", "other"):
        function.put(INGRESS_POLICY, name, {"rules": []})
    function.put(IDENTITY_PROVIDER, "local", {"type": "kubernetes", "audience": "aegis"})
    function.reconciler.reconcile(Everything())
    function.tell(function.put(IDENTITY, "cart", {"provider": "local"}))
    pod = function.pod("cart-1", "cart", identity="cart", policy="mine")
    assert function.tell(pod) is None
    proxy = function.client_of("cart")

    def status(plural: str, name: str, **query: str) -> int:
        return proxy.get(path_of(MESH, plural, name, function.namespace), **query).status

    eventually(lambda: status("ingresspolicies", "mine") == 200)
    assert status("identities", "cart") == status("identityproviders", "local") == 200
    collection = path_of(MESH, "ingresspolicies", namespace=function.namespace)
    assert proxy.get(collection, fieldSelector="metadata.name=mine").status == 200
    assert status("ingresspolicies", "other") == 403
    assert proxy.get(collection).status == 403
    assert proxy.get(path_of(MESH, "ingresspolicies", "mine", "default")).status == 403
    function.user.delete(function.path(pod), gracePeriodSeconds=0).ok()
    assert function.tell(pod) is None
    eventually(lambda: status("ingresspolicies", "mine") == 403)


def test_each_provider_that_pods_accept_is_readable(function: Function) -> None:
    """In a move: both, whichever its Identity names; the first goes when no pod lists it any more."""
    path = path_of("v1", "serviceaccounts", "cart", function.namespace)
    function.user.apply(path, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "cart"}}).ok()
    first = function.pod("one", "cart", provider="new,old")
    function.tell(first)
    role = path_of("rbac.authorization.k8s.io/v1", "roles", "aegis-proxy-cart", function.namespace)
    (rule,) = function.user.get(role).ok()["rules"]
    assert (rule["resources"], rule["resourceNames"]) == (["identityproviders"], ["new", "old"])
    function.pod("two", "cart", provider="new")
    function.user.delete(function.path(first), gracePeriodSeconds=0).ok()
    function.tell(first)
    (rule,) = function.user.get(role).ok()["rules"]
    assert rule["resourceNames"] == ["new"]


def test_cluster_provider_is_readable_where_it_selects(function: Function) -> None:
    """The ClusterRole comes with the selector's match and goes with its end."""
    name = f"wide-{function.namespace}"
    selector = {"matchLabels": {"kubernetes.io/metadata.name": function.namespace}}
    spec = {"type": "kubernetes", "audience": "aegis"}
    wide = function.put(CLUSTER_IDENTITY_PROVIDER, name, {**spec, "namespaceSelector": selector})
    path = path_of("v1", "serviceaccounts", "cart", function.namespace)
    function.user.apply(path, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "cart"}}).ok()
    function.tell(wide)
    function.tell(function.pod("cart-1", "cart", provider=name))
    proxy = function.client_of("cart")
    eventually(lambda: proxy.get(function.path(wide)).status == 200)
    function.put(CLUSTER_IDENTITY_PROVIDER, name, spec)
    assert function.tell(wide) is None
    eventually(lambda: proxy.get(function.path(wide)).status == 403)
    function.user.delete(function.path(wide)).ok()


def test_label_that_is_taken_away_takes_all_along(function: Function) -> None:
    """Identity, rights and what was made at the provider go with the namespace's label, and come back with it."""
    space, name = function.namespace, f"wide-{function.namespace}"
    spec = {"type": "memory", "audience": "aegis", "namespaceSelector": {"matchLabels": {"mesh": "yes"}}}

    def label(value: str | None) -> None:
        function.user.patch(path_of("v1", "namespaces", space), {"metadata": {"labels": {"mesh": value}}}).ok()

    label("yes")
    wide = function.put(CLUSTER_IDENTITY_PROVIDER, name, spec)
    identity = function.put(IDENTITY, "cart", {"provider": name})
    assert function.tell(wide) is None
    assert function.tell(identity) is None
    assert function.conditions(identity)["Ready"] == ("True", "Ready")
    function.tell(function.pod("cart-1", "cart", identity="cart"))
    proxy = function.client_of("cart")
    eventually(lambda: proxy.get(function.path(wide)).status == 200)
    label(None)
    assert function.reconciler.reconcile(Everything()) is None
    assert function.provider.objects == {}
    assert function.conditions(identity)["Ready"] == ("False", "ProviderNotAllowed")
    assert function.conditions(identity)["Provisioned"] == ("False", "ProviderNotAllowed")
    eventually(lambda: proxy.get(function.path(wide)).status == 403)
    label("yes")
    assert function.reconciler.reconcile(Everything()) is None
    assert list(function.provider.objects) == [f"{space}-cart"]
    assert function.conditions(identity)["Ready"] == ("True", "Ready")
    function.user.delete(function.path(identity)).ok()
    assert function.tell(identity) is None
    function.user.delete(function.path(wide)).ok()
    assert function.tell(wide) is None
    assert function.user.get(function.path(wide)).status == 404


def test_shrinking_rights_are_replaced_whole(function: Function) -> None:
    """Server-side apply takes away what the function no longer says, and heals what others change."""
    path = path_of("v1", "serviceaccounts", "cart", function.namespace)
    function.user.apply(path, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "cart"}}).ok()
    first = function.pod("one", "cart", policy="p1")
    function.pod("two", "cart", policy="p2")
    function.tell(first)
    role = path_of("rbac.authorization.k8s.io/v1", "roles", "aegis-proxy-cart", function.namespace)
    assert function.user.get(role).ok()["rules"][0]["resourceNames"] == ["p1", "p2"]
    function.user.delete(function.path(first), gracePeriodSeconds=0).ok()
    function.tell(first)
    assert function.user.get(role).ok()["rules"][0]["resourceNames"] == ["p2"]
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
    function.user.patch(role, {"rules": [rule]}).ok()
    function.tell(first)
    (healed,) = function.user.get(role).ok()["rules"]
    assert healed["resourceNames"] == ["p2"]
    version = function.user.get(role).ok()["metadata"]["resourceVersion"]
    function.tell(first)
    assert function.user.get(role).ok()["metadata"]["resourceVersion"] == version


def test_finalizer_guards_what_is_at_the_provider(function: Function) -> None:
    """R03: the mark comes before the provider is asked, holds while that is down, and goes when nothing is left."""
    provider = function.put(IDENTITY_PROVIDER, "memory", {"type": "memory", "audience": "aegis"})
    function.tell(provider)
    key = function.put(IDENTITY, "cart", {"provider": "memory"})
    assert function.tell(key) is None
    metadata = function.read(key)["metadata"]
    assert metadata["finalizers"] == ["aegisproxy.io/provider"]
    assert metadata["annotations"]["aegisproxy.io/provisioned-by"] == "IdentityProvider/memory"
    assert function.read(key)["status"]["metadata"] == {"role": f"{function.namespace}-cart"}
    function.provider.failure = Unavailable("the provider is down")
    function.user.delete(function.path(key)).ok()
    assert function.tell(key) is not None
    assert function.conditions(key)["Ready"] == ("False", "WaitingForProvider")
    function.provider.failure = None
    assert function.tell(key) is None
    assert function.user.get(function.path(key)).status == 404
    assert function.provider.objects == {}


def test_foreign_role_stays_and_is_told(function: Function) -> None:
    """A Role of our name without our label is refused with an Event about the ServiceAccount."""
    path = path_of("v1", "serviceaccounts", "cart", function.namespace)
    function.user.apply(path, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "cart"}}).ok()
    role = path_of("rbac.authorization.k8s.io/v1", "roles", "aegis-proxy-cart", function.namespace)
    theirs = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "aegis-proxy-cart"}}
    function.user.apply(role, {**theirs, "rules": []}).ok()
    pod = function.pod("cart-1", "cart", policy="p")
    assert function.tell(pod) is None
    assert not function.user.get(role).ok().get("rules")
    events = function.user.get(path_of("v1", "events", namespace=function.namespace)).ok()["items"]
    assert [event["reason"] for event in events if event["involvedObject"]["name"] == "cart"] == ["ForeignRole"]


def test_namespace_with_identities_is_deleted_whole(function: Function) -> None:
    """R03: Kubernetes deletes in an order of its own; the provider waits for its Identities, and nothing stays."""
    space = f"{function.namespace}-gone"
    function.user.create("/api/v1/namespaces", {"metadata": {"name": space}}).ok()
    function.namespace = space
    provider = function.put(IDENTITY_PROVIDER, "memory", {"type": "memory", "audience": "aegis"})
    function.tell(provider)
    assert function.read(provider)["metadata"]["finalizers"] == ["aegisproxy.io/identities"]
    keys = [function.put(IDENTITY, name, {"provider": "memory"}) for name in ("cart", "orders")]
    for key in keys:
        assert function.tell(key) is None
    assert len(function.provider.objects) == 2
    function.provider.failure = Unavailable("the provider is down")
    function.user.delete(path_of("v1", "namespaces", space)).ok()
    eventually(lambda: all("deletionTimestamp" in function.read(key)["metadata"] for key in (provider, *keys)))
    function.reconciler.reconcile(Everything())
    assert function.conditions(provider)["Ready"] == ("False", "InUse")
    assert function.conditions(keys[0])["Ready"] == ("False", "WaitingForProvider")
    function.provider.failure = None
    assert function.reconciler.reconcile(Everything()) is None
    assert function.provider.objects == {}
    eventually(lambda: function.user.get(path_of("v1", "namespaces", space)).status == 404, seconds=60)


def test_function_shows_its_own_tokens_and_no_other(function: Function) -> None:
    """A token for a provider names the function and that audience alone; the API server's own is never given away."""
    provider = read_cluster_identity_provider(Node({"metadata": {"name": "p"}, "spec": {"type": "x", "audience": "a"}}))
    token = function.host.token(provider, "https://vault.test").reveal()
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["aud"] == ["https://vault.test"]
    assert claims["sub"] == "system:serviceaccount:aegis-system:aegis-reconcile"
    assert claims["exp"] - claims["iat"] <= 620
    assert (
        KubeClient.connect(function.server.url, function.server.ca_file, token=token)
        .get("/api/v1/namespaces/default")
        .status
        == 401
    )
    with pytest.raises(Misconfigured, match="the API server's own"):
        function.host.token(provider, function.server.issuer)
    impostor = function.server.client_of("aegis-system", "aegis-reconcile")
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": ["x"]}}
    for space, account in (("aegis-system", "aegis-webhook"), (function.namespace, "default")):
        path = path_of("v1", "serviceaccounts", account, space, "token")
        assert impostor.create(path, body).status == 403


def test_function_cannot_grant_what_it_does_not_hold(function: Function) -> None:
    """Its rights over roles end where its own rights end: Kubernetes refuses an escalation."""
    impostor = function.server.client_of("aegis-system", "aegis-reconcile")
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "too-much", "namespace": function.namespace},
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}],
    }
    path = path_of("rbac.authorization.k8s.io/v1", "roles", namespace=function.namespace)
    assert impostor.create(path, role).status == 403
    assert impostor.get(path_of("v1", "secrets", namespace=function.namespace)).status == 403
