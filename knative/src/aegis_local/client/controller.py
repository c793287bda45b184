"""Work on what changed: level-triggered, one object at a time, again after a failure."""

from collections.abc import Awaitable, Callable, Iterable
from typing import NoReturn

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from aegis_local.client.errors import ApiRefused, ApiUnreachable
from aegis_local.client.resources import Key
from aegis_local.reactors import Reactor

log = Logger()

_FIRST_DELAY, _LONGEST_DELAY = 0.1, 5.0


class Controller:
    """Calls `reconcile` with every key that was woken since its last call for that key."""

    def __init__(self, reactor: Reactor, name: str, reconcile: Callable[[Key], Awaitable[None]]) -> None:
        self._reactor = reactor
        self._name = name
        self._reconcile = reconcile
        self._dirty: dict[Key, None] = {}
        self._failures: dict[Key, int] = {}
        self._waiting: Deferred[None] | None = None

    def wake(self, key: Key) -> None:
        """Have `key` reconciled soon. Waking it many times before that is waking it once."""
        self._dirty[key] = None
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.callback(None)

    def wake_all(self, keys: Iterable[Key]) -> None:
        """Have all of these reconciled soon: what they depend on has changed."""
        for key in keys:
            self.wake(key)

    async def run(self) -> NoReturn:
        """Run until cancelled."""
        while True:
            while self._dirty:
                key = next(iter(self._dirty))
                del self._dirty[key]
                await self._once(key)
            self._waiting = Deferred(self._forget)
            await self._waiting

    async def _once(self, key: Key) -> None:
        try:
            await self._reconcile(key)
        except (ApiRefused, ApiUnreachable) as error:
            log.info("{name} {key}: {error}", name=self._name, key=key, error=error)
            self._again(key)
        except Exception:  # noqa: BLE001  # one object that cannot be handled must not stop the work on the others
            log.failure("{name} {key}", name=self._name, key=key)
            self._again(key)
        else:
            self._failures.pop(key, None)

    def _again(self, key: Key) -> None:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self._reactor.callLater(min(_FIRST_DELAY * 2**failures, _LONGEST_DELAY), self.wake, key)

    def _forget(self, _: Deferred[None]) -> None:
        self._waiting = None
