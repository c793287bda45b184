"""List and watch without end, and a cache of what came."""

from collections.abc import Callable
from contextlib import aclosing
from typing import Literal, NoReturn, Protocol

from twisted.logger import Logger

from aegis_local.client.api import Api, Collection
from aegis_local.client.errors import ApiRefused, ApiUnreachable, Expired
from aegis_local.client.resources import Key, Object, key_of
from aegis_local.reactors import Reactor
from aegis_local.tasks import sleep

log = Logger()

Change = Literal["ADDED", "MODIFIED", "DELETED"]

_FIRST_DELAY, _LONGEST_DELAY = 0.1, 5.0


class Follower(Protocol):
    """What hears of a collection's objects. The next event waits until it is done with this one."""

    async def replaced(self, objects: list[Object]) -> None:
        """The whole collection, after the first list and after each gap."""

    async def changed(self, change: Change, obj: Object) -> None:
        """One event of the watch."""


class Follow:
    """List and watch of one collection for one follower, with a new list after a gap and a delay after a failure."""

    def __init__(self, reactor: Reactor, api: Api, collection: Collection, follower: Follower) -> None:
        self._reactor = reactor
        self._api = api
        self._collection = collection
        self._follower = follower
        self._version: str | None = None

    async def run(self) -> NoReturn:
        """Run until cancelled."""
        delay = _FIRST_DELAY
        while True:
            try:
                if self._version is None:
                    objects, self._version = await self._api.list(self._collection)
                    await self._follower.replaced(objects)
                await self._watch(self._version)
                delay = _FIRST_DELAY
            except Expired:
                self._version = None
            except (ApiRefused, ApiUnreachable) as error:
                if isinstance(error, ApiRefused) and error.code == 410:
                    self._version = None
                log.info("watch of {path}: {error}", path=self._collection.path, error=error)
                delay = min(delay * 2, _LONGEST_DELAY)
            await sleep(self._reactor, delay)

    async def _watch(self, version: str) -> None:
        async with aclosing(self._api.watch(self._collection, version)) as events:
            async for event in events:
                await self._take(event["type"], event["object"])

    async def _take(self, kind: Change | Literal["ERROR", "BOOKMARK"], obj: Object) -> None:
        if kind == "ERROR":
            if obj.get("code") == 410:
                raise Expired
            raise ApiRefused(obj.get("code", 500), obj.get("reason", ""), obj.get("message", ""))
        if kind != "BOOKMARK":
            await self._follower.changed(kind, obj)
        self._version = obj["metadata"]["resourceVersion"]


class Cache:
    """The objects of a collection as last seen. `listen` tells of every key that changed."""

    def __init__(self) -> None:
        self.objects: dict[Key, Object] = {}
        self.synced = False
        self._listeners: list[Callable[[Key], None]] = []

    def listen(self, listener: Callable[[Key], None]) -> None:
        """Call `listener` with the key of each object that is new, changed or gone, from now on."""
        self._listeners.append(listener)

    async def replaced(self, objects: list[Object]) -> None:
        before, self.objects = self.objects, {key_of(obj): obj for obj in objects}
        self.synced = True
        for key in before.keys() | self.objects.keys():
            if before.get(key) != self.objects.get(key):
                self._tell(key)

    async def changed(self, change: Change, obj: Object) -> None:
        key = key_of(obj)
        if change == "DELETED":
            self.objects.pop(key, None)
        else:
            self.objects[key] = obj
        self._tell(key)

    def _tell(self, key: Key) -> None:
        for listener in self._listeners:
            listener(key)
