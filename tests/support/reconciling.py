"""A mesh in memory for tests of the reconcile function: a cluster, a provider and the function between them."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from aegis_reconcile.asking import Asker
from aegis_reconcile.events import Everything, OneObject
from aegis_reconcile.objects import (
    CLUSTER_IDENTITY_PROVIDER,
    IDENTITY,
    IDENTITY_PROVIDER,
    INGRESS_POLICY,
    POD,
    SERVICE_ACCOUNT,
    Key,
)
from aegis_reconcile.outcome import Later
from aegis_reconcile.reconciler import Reconciler
from support.host_in_memory import no_host
from support.memory_cluster import MemoryCluster
from support.provider_in_memory import NoHttp, ProviderInMemory

RULE = {"identities": ["a"], "methods": ["GET"], "paths": ["/"]}


class Mesh:
    """`time` is what the function takes for the time (RFC 3339)."""

    def __init__(self, *namespaces: str, makes_objects: bool = False) -> None:
        self.cluster = MemoryCluster(*(namespaces or ("shop",)))
        self.plugin = ProviderInMemory(makes_objects)
        self.time = "2026-01-01T00:00:00Z"
        self.reconciler = Reconciler(self.cluster, Asker(NoHttp(), no_host(), self.plugin.load), lambda: self.time)

    def provider(self, name: str = "idp", namespace: str = "shop", **spec: object) -> Key:
        return self.cluster.put(IDENTITY_PROVIDER, name, namespace, spec=_provider_spec(spec))

    def cluster_provider(self, name: str = "wide", **spec: object) -> Key:
        return self.cluster.put(CLUSTER_IDENTITY_PROVIDER, name, spec=_provider_spec(spec))

    def identity(self, name: str = "cart", namespace: str = "shop", provider: str = "idp", **spec: object) -> Key:
        return self.cluster.put(IDENTITY, name, namespace, spec={"provider": provider, **spec})

    def policy(self, name: str = "policy", namespace: str = "shop", **spec: object) -> Key:
        return self.cluster.put(INGRESS_POLICY, name, namespace, spec={"rules": [RULE], **spec})

    def account(self, name: str, namespace: str = "shop") -> Key:
        return self.cluster.put(SERVICE_ACCOUNT, name, namespace)

    def pod(
        self,
        name: str = "cart-1",
        namespace: str = "shop",
        account: str = "cart",
        identity: str = "",
        provider: str = "",
        policies: Iterable[str] = (),
        phase: str = "Running",
    ) -> Key:
        """An injected pod, as the webhook leaves it."""
        settings = {"AEGIS_IDENTITY": identity, "AEGIS_PROVIDER": provider, "AEGIS_POLICY": ",".join(policies)}
        env = [{"name": key, "value": value} for key, value in settings.items() if value]
        spec = {"serviceAccountName": account, "initContainers": [{"name": "aegis-proxy", "env": env}]}
        labels = {"aegisproxy.io/injected": "true"}
        return self.cluster.put(POD, name, namespace, labels=labels, spec=spec, status={"phase": phase})

    def tell(self, key: Key) -> Later | None:
        """One event about one object."""
        return self.reconciler.reconcile(OneObject(key))

    def tick(self) -> Later | None:
        return self.reconciler.reconcile(Everything())

    def wait(self, seconds: float) -> None:
        """Lets time pass."""
        later = datetime.fromisoformat(self.time) + timedelta(seconds=seconds)
        self.time = later.strftime("%Y-%m-%dT%H:%M:%SZ")

    def settle(self, limit: int = 200) -> int:
        """Delivers all events, those of the function's own writes included, until there are none; how many there were.

        An AssertionError where they do not end: then the function answers its own writes with new ones.
        """
        count = 0
        while hints := self.cluster.take_hints():
            for hint in hints:
                count += 1
                assert count <= limit, f"the events do not end; the last writes: {self.cluster.writes[-5:]}"
                self.reconciler.reconcile(hint)
        return count


def _provider_spec(spec: dict[str, object]) -> dict[str, object]:
    return {"type": "memory", "audience": "aegis", **spec}
