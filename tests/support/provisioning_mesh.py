"""The reconcile function between an API server in memory and a provider as a plugin's own tests have it."""

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from aegis_api.names import Subject
from aegis_idp.conformance import HOST, ProviderUnderTest
from aegis_idp.conformance.cluster import AnyCluster
from aegis_idp.http import Http, Response
from aegis_idp.plugin import Plugin
from aegis_idp.values import Secret
from aegis_reconcile.asking import Asker
from aegis_reconcile.events import Everything
from aegis_reconcile.host import Host, Minted
from aegis_reconcile.objects import CLUSTER_IDENTITY_PROVIDER, IDENTITY, Key
from aegis_reconcile.reconciler import Reconciler
from support.memory_cluster import MemoryCluster

ORDERS = Subject("shop", "orders")


@frozen
class HostAccount:
    """The ServiceAccount of the reconcile function; its tokens are of `subject`, which is another's by mistake."""

    cluster: AnyCluster
    subject: Subject = HOST

    def mint(self, audience: str) -> Minted:
        return Minted(self.cluster.token(self.subject, audience), 600.0)

    def is_taken(self, token: Secret) -> bool:
        return False


class Instead:
    """A client that answers `method` requests to URLs with `part` in them itself, and passes on all others."""

    def __init__(self, http: Http, method: str, part: str, response: Response) -> None:
        self._http, self._method, self._part, self._response = http, method, part, response

    @property
    def api_server(self) -> str | None:
        return self._http.api_server

    def _is_meant(self, method: str, url: str, headers: Mapping[str, str]) -> bool:
        return method == self._method and self._part in url

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] = {}, body: bytes = b"", as_pod: bool = False
    ) -> Response:
        if self._is_meant(method, url, headers):
            return self._response
        return await self._http.request(method, url, headers=headers, body=body, as_pod=as_pod)


@frozen
class Said:
    """A condition: `status` is True, False or Unknown."""

    status: str
    reason: str
    message: str


def check(said: Said, expected: tuple[str, str], words: str) -> None:
    """`expected` is status and reason; `words` is a pattern that the message holds."""
    assert (said.status, said.reason) == expected, said
    assert re.search(words, said.message), said.message


class ProvisioningMesh:
    """A ClusterIdentityProvider `corp` of the provider under test, and the Identity `orders` of the namespace `shop`.

    `http` and `account` stand in for those of the provider's own tests.
    """

    def __init__(
        self,
        provider: ProviderUnderTest,
        config: Mapping[str, object] | None = None,
        http: Http | None = None,
        account: HostAccount | None = None,
    ) -> None:
        self._plugin = provider.plugin
        self.cluster = MemoryCluster("shop")
        host = Host(account or HostAccount(provider.cluster), time.monotonic, Path("/nonexistent"))
        asker = Asker(http or provider.http, host, self._load)
        self.reconciler = Reconciler(self.cluster, asker, lambda: "2026-01-01T00:00:00Z")
        spec = {"type": "tested", "audience": provider.audience, "config": dict(config or provider.config)}
        self.provider = self.cluster.put(CLUSTER_IDENTITY_PROVIDER, "corp", spec={**spec, "namespaceSelector": {}})
        self.identity = self.cluster.put(IDENTITY, ORDERS.name, ORDERS.namespace, spec={"provider": "corp"})

    def _load(self, _: str) -> Plugin[Any]:
        return self._plugin

    def tick(self) -> None:
        self.reconciler.reconcile(Everything())

    def again(self) -> None:
        """Lets the next tick ask the provider about the Identity."""
        self.cluster.objects[self.identity]["status"].pop("lastCheckTime", None)

    def trouble(self) -> Said:
        """What stands in the way, after a tick: of the provider, else of its Identity. Fails where nothing does.

        It is one line of a bounded length, and neither quotes a secret nor shows how an answer was written.
        """
        self.tick()
        conditions = next(
            found for found in (self.said(self.provider), self.said(self.identity)) if found["Ready"].status == "False"
        )
        ready, reachable = conditions["Ready"], conditions["ProviderReachable"]
        message = self.said(self.identity)["Ready"].message
        assert ready.message in message, "the Identity says all that its provider says"
        assert len(message) <= 800
        assert message.isprintable()
        for sign in ("{", "}", "eyJ", "Trace ID", "Traceback", "HTTPSConnection", "***"):
            assert sign not in message, f"{sign} is in {message}"
        return Said(reachable.status, ready.reason, ready.message)

    def said(self, key: Key) -> dict[str, Said]:
        """The conditions of an object, by type."""
        return {
            item["type"]: Said(item["status"], item["reason"], item["message"])
            for item in self.cluster.status(key)["conditions"]
        }
