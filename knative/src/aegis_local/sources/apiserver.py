"""ApiServerSources: for each, watches with the rights of its ServiceAccount, and events to its sink."""

import time
from collections.abc import Callable

from aegis_api.reading import Node, ParseError
from aegis_api.selectors import label_selector
from aegis_local.client.api import Api, Collection
from aegis_local.client.conditions import Holds, timestamp
from aegis_local.client.controller import Controller
from aegis_local.client.errors import ApiRefused
from aegis_local.client.resources import API_SERVER_SOURCES, Key, Object
from aegis_local.client.watching import Cache, Follow
from aegis_local.reactors import Reactor
from aegis_local.sources.accounts import AccountApi
from aegis_local.sources.adapter import Adapter
from aegis_local.sources.delivery import Sender
from aegis_local.sources.events import extensions_of
from aegis_local.sources.runs import Run, Runs, write_source_status
from aegis_local.sources.sinks import NoSink, sink_url

_RETRY_SECONDS = 1.0


class ApiServerSources:
    """Runs every ApiServerSource of the API."""

    def __init__(
        self, reactor: Reactor, api: Api, sender: Sender, sources: Cache, services: Cache, namespaces: Cache
    ) -> None:
        self.controller = Controller(reactor, "ApiServerSource", self._reconcile)
        self._reactor = reactor
        self._api = api
        self._sender = sender
        self._sources = sources
        self._services = services
        self._namespaces = namespaces
        self._runs = Runs()
        sources.listen(self.controller.wake)
        services.listen(lambda _: self.controller.wake_all(sources.objects))

    async def close(self) -> None:
        """End all watches."""
        self._runs.end_all()

    async def _reconcile(self, key: Key) -> None:
        source = self._sources.objects.get(key)
        if source is None:
            self._runs.end(key)
            return
        try:
            url = sink_url(source, self._services.objects)
            mode = source["spec"].get("mode", "Reference")
            if mode != "Reference":
                raise NoSink(f"mode {mode} is not known here: Reference is")
        except NoSink as error:
            self._runs.end(key)
            await self._write(key, source, None, str(error), "")
            return
        run = self._runs.anew(key, source, url)
        if run is not None:
            try:
                await self._start(key, source, run)
            except (ApiRefused, ParseError) as error:
                await self._write(key, source, url, "", str(error))
                self._reactor.callLater(_RETRY_SECONDS, self.controller.wake, key)
                return
        await self._write(key, source, url, "", "")

    async def _start(self, key: Key, source: Object, run: Run) -> None:
        spec = source["spec"]
        account = AccountApi(self._reactor, self._api, Key(key.namespace, spec.get("serviceAccountName", "default")))
        await account.begin()
        own_only = "namespaceSelector" not in spec
        collections = []
        for entry in spec["resources"]:
            resource = await self._api.resource(entry["apiVersion"], entry["kind"])
            namespace = key.namespace if own_only and resource.namespaced else ""
            collections.append(Collection(resource, namespace, selector_text(entry.get("selector") or {})))
        for collection in collections:
            await account.api.list(collection)  # a missing right shows here, as in the real source's conditions
        adapter = Adapter(
            sender=self._sender,
            url=run.url,
            server=account.api.connection.access.server,
            extensions=extensions_of(source),
            wanted=self._wanted(spec.get("namespaceSelector"), own_only),
            now=lambda: timestamp(time.time()),
        )
        run.tasks.start("token of an ApiServerSource", account.renew())
        for collection in collections:
            follow = Follow(self._reactor, account.api, collection, adapter)
            run.tasks.start(f"watch of {collection.path}", follow.run())
        self._runs.begun(key, run)

    def _wanted(self, selector: Object | None, own_only: bool) -> Callable[[str], bool]:
        if own_only or not selector:
            return lambda _: True
        parsed = label_selector(Node(selector))

        def matches(namespace: str) -> bool:
            found = self._namespaces.objects.get(Key("", namespace))
            return found is not None and parsed.matches(found["metadata"].get("labels") or {})

        return matches

    async def _write(self, key: Key, source: Object, url: str | None, no_sink: str, no_rights: str) -> None:
        ready = url is not None and not no_rights
        held = [
            Holds("Ready", ready, "" if ready else "NotReady", no_sink or no_rights),
            Holds("SinkProvided", url is not None, "" if url else "NotFound", no_sink),
            Holds("SufficientPermissions", None if url is None else not no_rights, "", no_rights),
            Holds("Deployed", ready),
        ]
        await write_source_status(self._api, API_SERVER_SOURCES, key, source, url, held)


def selector_text(selector: Object) -> str:
    """A LabelSelector as a query parameter has it."""
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or ():
        key, values = expression["key"], ",".join(expression.get("values") or ())
        match expression["operator"]:
            case "In":
                parts.append(f"{key} in ({values})")
            case "NotIn":
                parts.append(f"{key} notin ({values})")
            case "Exists":
                parts.append(key)
            case _:
                parts.append(f"!{key}")
    return ",".join(parts)
