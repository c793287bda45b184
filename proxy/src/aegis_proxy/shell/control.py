"""The control side of the proxy: everything that becomes a Snapshot, and the tokens for the way out.

`Control` is what the rest of the proxy sees of it.
"""

from collections import Counter
from collections.abc import Callable

from twisted.internet.defer import Deferred

from aegis_proxy.core.snapshot import NOTHING_KNOWN, Snapshot
from aegis_proxy.settings import Settings
from aegis_proxy.shell.token_source import TokenSource


class Control:
    """Keeps `snapshot` current from `start()` to `stop()`.

    `counters` counts events by (name, outcome); both come from this package, never from a client.
    """

    def __init__(self, settings: Settings, reactor: object, log: object) -> None:
        self.snapshot: Snapshot = NOTHING_KNOWN
        self.tokens: TokenSource | None = None
        self.counters: Counter[tuple[str, str]] = Counter()

    def start(self) -> None:
        """Begins to watch. Raises SettingsError for a kubeconfig that cannot be used."""

    def stop(self) -> Deferred[None]:
        """Ends every connection, timer and plugin call; fires when all is quiet."""
        raise NotImplementedError

    def on_swap(self, heard: Callable[[Snapshot], None]) -> None:
        """Calls `heard` with each new snapshot, after `snapshot` holds it."""

    def missing(self) -> tuple[str, ...]:
        """The parts of readiness that are not there yet: of policy, keys, token. Empty: ready."""
        raise NotImplementedError

    def describe(self) -> dict[str, object]:
        """What is enforced, for /snapshot: plain JSON values, no secrets."""
        raise NotImplementedError

    def gauges(self) -> dict[str, float]:
        """Ages in seconds and the generation, by metric name without prefix."""
        raise NotImplementedError

    def refetch_keys(self, issuer: str, kid: str) -> "Deferred[None] | None":
        """A key set may have a new key: fires, always without error, when `snapshot` holds what a refetch brought.

        None: there is nothing to wait for (asked too recently, or the kid is known to be unknown).
        """
        raise NotImplementedError
