"""The control side of the proxy: everything that becomes a Snapshot, and the tokens for the way out.

files or API server -> knowledge -> view -> snapshot      plugin, key set -> trusted -> snapshot
"""

import time
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall

from aegis_api.resources import Resource
from aegis_proxy.core.assembly import (
    Inputs,
    Rules,
    assemble,
    compiled,
    policies_not_in_force,
)
from aegis_proxy.core.description import described
from aegis_proxy.core.knowledge import Held, Key, Names, View, look_up
from aegis_proxy.core.snapshot import NOTHING_KNOWN, Snapshot
from aegis_proxy.settings import Settings
from aegis_proxy.shell.api_access import ApiAccess
from aegis_proxy.shell.files import FileSource
from aegis_proxy.shell.http_client import HostHttp
from aegis_proxy.shell.keepers import Keepers
from aegis_proxy.shell.keysets import TrustKeeper
from aegis_proxy.shell.logs import Log
from aegis_proxy.shell.own_tokens import OwnTokens
from aegis_proxy.shell.plugins import Provider, Providers
from aegis_proxy.shell.pod_files import PodFiles
from aegis_proxy.shell.resolver import ConnectTo
from aegis_proxy.shell.token_source import TokenSource

# Updates that come in faster are taken together.
_TOGETHER = 0.1
_LONGEST_TICK = 5.0


class Source(Protocol):
    """Where resources come from. `silence` is for how many seconds it has not been heard of."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def want(self, keys: frozenset[Key]) -> None: ...
    def held(self, key: Key) -> Held[Resource]: ...
    def silence(self) -> float: ...
    def describe(self) -> dict[str, object]: ...


class Control:
    """Keeps `snapshot` current from `start()` to `stop()`.

    `tokens` is None where the pod assumes no identity. `counters` counts events by (name, outcome); both come from this
    package, never from a client. `wall` is the time in seconds since 1970.
    """

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        log: Log,
        *,
        wall: Callable[[], float] = time.time,
        random: Random | None = None,
    ) -> None:
        self.snapshot: Snapshot = NOTHING_KNOWN
        self.counters: Counter[tuple[str, str]] = Counter()
        self._settings = settings
        self._reactor = reactor
        self._log = log
        self._random = random or Random()  # noqa: S311  # spreads load, guards nothing
        redirected = ConnectTo(settings.connect_to_file).get
        self._access = ApiAccess(settings, reactor, log, redirected)
        self._http = HostHttp(reactor, self._access.for_plugins(), redirected)
        self._names = Names(
            namespace=settings.namespace,
            policies=settings.policies,
            identity=settings.identity,
            providers=settings.providers,
            ingress=settings.ingress_listen is not None,
            egress=settings.egress_listen is not None,
        )
        self._source = self._make_source()
        self._providers = Providers()
        self._keepers = Keepers(self._providers, self._make_keeper)
        self._rules: Rules | None = None
        self._view: View | None = None
        self._swapped_at = reactor.seconds()
        self._updated_at: float | None = None
        self._updating = self._again = self._stopped = False
        self._soon: IDelayedCall | None = None
        self._tick: IDelayedCall | None = None
        self._listeners: list[Callable[[Snapshot], None]] = []
        self._own = self._make_own(wall) if self._names.identity and self._names.egress else None

    @property
    def tokens(self) -> TokenSource | None:
        """Those of this pod's identity; another object after it has moved."""
        return self._own.tokens if self._own else None

    def _make_source(self) -> Source:
        settings = self._settings
        if settings.resources is not None:
            return FileSource(settings.resources, settings.namespace, self._reactor, self._log, self._changed)
        return self._access.source(settings.namespace, self._random, self.counters, self._changed)

    def _make_own(self, wall: Callable[[], float]) -> OwnTokens:
        files = PodFiles(self._settings.token_file, self._settings.secrets_dir)

        def make() -> TokenSource:
            return TokenSource(
                files, self._http, self._reactor, wall, self._log, self._random, self.counters, self._update
            )

        return OwnTokens(make, self._providers, self._keepers.issuer_of, self._reactor)

    def start(self) -> None:
        """Begins to watch."""
        self._source.start()
        self._on_tick()

    def stop(self) -> "Deferred[None]":
        """Ends every connection, timer and plugin call; fires when all is quiet."""
        self._stopped = True
        for call in (self._soon, self._tick):
            if call is not None and call.active():
                call.cancel()
        self._source.stop()
        self._keepers.stop()
        if self._own is not None:
            self._own.stop()
        return succeed(None)

    def on_swap(self, heard: Callable[[Snapshot], None]) -> None:
        """Calls `heard` with each new snapshot, after `snapshot` holds it."""
        self._listeners.append(heard)

    def refetch_keys(self, issuer: str, kid: str) -> "Deferred[None] | None":
        """A key set may have a new key: fires, always without error, when `snapshot` holds what a refetch brought.

        None: there is nothing to wait for (asked too recently, or the kid is known to be unknown).
        """
        return self._keepers.refetch(issuer, kid)

    # Readiness, and what people and Prometheus see.

    def missing(self) -> tuple[str, ...]:
        """The parts of readiness that are not there yet: of policy, keys, token. Empty: ready."""
        view, parts = self._view, []
        if self._names.ingress:
            if view is None or policies_not_in_force(view) or self._stale():
                parts.append("policy")
            if view is None or (view.accepted and not self._has_keys()):
                parts.append("keys")
        if self._own is not None and not self._own.had_first:
            parts.append("token")
        return tuple(parts)

    def _has_keys(self) -> bool:
        """Somebody can be verified, and no provider is left that has not even been asked.

        One that cannot be reached must not keep the pod from serving the callers of the others.
        """
        known = any(not authority.keys.empty for authority in self.snapshot.authorities.values())
        return known and not self._keepers.undecided

    def describe(self) -> dict[str, object]:
        """What is enforced, for /snapshot: plain JSON values, no secrets."""
        return {
            **described(self.snapshot, self._view),
            "age_seconds": round(self._reactor.seconds() - self._swapped_at, 1),
            "missing": list(self.missing()),
            "source": self._source.describe(),
            "keys_problem": "; ".join(f"{name}: {problem}" for name, problem in self._keepers.problems()) or None,
            "tokens": self.tokens.describe() if self.tokens else [],
            "leaving": (self._own.leaving or None) if self._own else None,
        }

    def gauges(self) -> dict[str, float]:
        """Ages in seconds and the generation, by metric name without prefix."""
        return {
            "snapshot_generation": float(self.snapshot.generation),
            "snapshot_age_seconds": self._reactor.seconds() - self._swapped_at,
            "source_silence_seconds": self._source.silence(),
            "source_unusable": float(self._source.describe().get("problem") is not None),
            "key_set_age_seconds": self._keepers.oldest(),
        }

    def usable_keys(self) -> dict[str, int]:
        """How many keys there are for callers of each accepted provider, by its name."""
        counts = {authority.provider: authority.keys.size for authority in self.snapshot.authorities.values()}
        return {name: counts.get(name, 0) for name in (self._view.accepted if self._view else ()) if name}

    # From what changed to the next snapshot.

    def _on_tick(self) -> None:
        """Time itself changes something: what is known grows old."""
        self._tick = self._reactor.callLater(min(_LONGEST_TICK, self._settings.max_staleness / 4), self._on_tick)
        self._update()

    def _changed(self) -> None:
        """The source knows something new. The first change counts at once, those right after it together."""
        now = self._reactor.seconds()
        if self._updated_at is None or not 0 <= now - self._updated_at < _TOGETHER:
            self._update()
        elif self._soon is None or not self._soon.active():
            self._soon = self._reactor.callLater(self._updated_at + _TOGETHER - now, self._update)

    def _update(self) -> None:
        if self._updating:
            self._again = True
            return
        self._updating = True
        try:
            self._again = True
            while self._again and not self._stopped:
                self._again = False
                self._update_once()
        finally:
            self._updating = False
            self._updated_at = self._reactor.seconds()

    def _update_once(self) -> None:
        view = self._view = look_up(self._names, self._source.held)
        self._source.want(view.wanted)
        trusted = self._keepers.follow(view.accepted)
        self._rules = compiled(view, self._rules)
        leaving = self._own.follow(view) if self._own else None
        hosts, stale = self._settings.ingress_hosts, self._stale()
        inputs = Inputs(view, self._rules, trusted, self._names.namespace, hosts, stale, leaving)
        before, self.snapshot = self.snapshot, assemble(inputs, self.snapshot)
        if self.snapshot is not before:
            self._swapped()

    def _swapped(self) -> None:
        snapshot = self.snapshot
        self._swapped_at = self._reactor.seconds()
        problems = policies_not_in_force(self._view) if self._view else ()
        self._log.info(
            "snapshot",
            generation=snapshot.generation,
            rules=snapshot.rules.size,
            issuers=sorted(snapshot.authorities),
            closed=snapshot.closed or None,
            problems=problems,
        )
        for heard in self._listeners:
            heard(snapshot)

    def _stale(self) -> str:
        silence, most = self._source.silence(), self._settings.max_staleness
        return f"nothing was heard of the API server for more than {most:g} s" if silence > most else ""

    def _make_keeper(self, provider: Provider) -> TrustKeeper:
        return TrustKeeper(provider, self._http, self._reactor, self._log, self._random, self.counters, self._update)
