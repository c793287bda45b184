"""Whether there is an API server, and how it is had. What talks to it is imported when it is first needed."""

from collections import Counter
from collections.abc import Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any

from aegis_idp.http import Response
from aegis_proxy.settings import Settings
from aegis_proxy.shell.http_client import ApiServer
from aegis_proxy.shell.kube_config import KubeConfig, in_cluster, read_kubeconfig
from aegis_proxy.shell.logs import Log

if TYPE_CHECKING:
    from aegis_proxy.shell.dial import Redirected
    from aegis_proxy.shell.kube_api import KubeApi
    from aegis_proxy.shell.watch import KubeSource


class ApiAccess:
    """By --kubeconfig, else as Kubernetes tells its pods, else none. Raises SettingsError for a bad kubeconfig."""

    def __init__(self, settings: Settings, reactor: Any, log: Log, redirected: "Redirected") -> None:
        self._reactor = reactor
        self._log = log
        self._redirected = redirected
        self._api: KubeApi | None = None
        self._config: KubeConfig | None = None
        if settings.kubeconfig is not None:
            self._config = read_kubeconfig(settings.kubeconfig)
        elif settings.in_cluster is not None:
            self._config = in_cluster(settings.in_cluster)

    def api(self) -> "KubeApi":
        from aegis_proxy.shell.kube_api import KubeApi

        if self._api is None:
            if self._config is None:
                raise LookupError("there is no API server here")
            self._api = KubeApi(self._reactor, self._config, self._log, self._redirected)
        return self._api

    def for_plugins(self) -> ApiServer | None:
        return None if self._config is None else _OnDemand(self._config.url, self.api)

    def source(
        self, namespace: str, random: Random, counters: Counter[tuple[str, str]], changed: Callable[[], None]
    ) -> "KubeSource":
        from aegis_proxy.shell.watch import KubeSource

        return KubeSource(self.api(), namespace, self._reactor, self._log, random, counters, changed)


class _OnDemand:
    """An API server that most plugins never ask."""

    def __init__(self, url: str, api: "Callable[[], KubeApi]") -> None:
        self.url = url
        self._api = api

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        return await self._api().request(method, url, headers, body)
