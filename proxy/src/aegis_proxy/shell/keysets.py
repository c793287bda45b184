"""Keeps the trust in one provider: asks its plugin whom to believe, and fetches the keys again and again."""

import json
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeadlinePassed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from aegis_idp.errors import ProviderError, Unavailable
from aegis_idp.http import Http
from aegis_idp.values import KeySetUrl, Trust
from aegis_proxy.core.acceptance import Trusted, Untrusted
from aegis_proxy.core.backoff import Backoff
from aegis_proxy.core.keys import KeySet, KeySetError, read_key_set
from aegis_proxy.core.refresh import RefetchGate, key_set_period, spread
from aegis_proxy.shell.logs import Log
from aegis_proxy.shell.plugins import PluginDefect, Provider

# How often the plugin is asked anew whom to believe (discovery), and how long one round may take.
_TRUST_PERIOD = 600.0
_ROUND_DEADLINE = 30.0
# Keys that could not be fetched anew for so long are given up: the issuer may have withdrawn them.
_MAX_STALE = 24 * 3600.0
_ACCEPT = {"accept": "application/jwk-set+json, application/json"}
_BACKOFF = Backoff(first=1.0, most=60.0)


class TrustKeeper:
    """Keeps `trusted` current between `start` and `stop`. `changed` is called whenever it is another one.

    What was fetched stays good while later rounds fail, for 24 hours.
    """

    def __init__(
        self,
        provider: Provider,
        http: Http,
        clock: IReactorTime,
        log: Log,
        random: Random,
        counters: Counter[tuple[str, str]],
        changed: Callable[[], None],
    ) -> None:
        self.provider = provider
        self.trusted: Trusted | Untrusted = Untrusted("its keys have not been fetched yet")
        self.problem = ""
        self._http = http
        self._clock = clock
        self._log = log
        self._random = random
        self._counters = counters
        self._changed = changed
        self._trust: Trust | None = None
        self._trust_due = 0.0
        self._document = ""
        self._fetched_at: float | None = None
        self._given_up = False
        self._failures = 0
        self._gate = RefetchGate()
        self._round: Deferred[Any] | None = None
        self._waiting: list[Deferred[None]] = []
        self._timer: IDelayedCall | None = None
        self._stopped = False

    def start(self) -> None:
        self._begin()

    def stop(self) -> None:
        self._stopped = True
        self._schedule(None)
        if self._round is not None:
            self._round.cancel()

    def refetch(self, kid: str) -> "Deferred[None] | None":
        """Fetches the keys for the sake of an unknown `kid`, or joins the fetch that is under way.

        Fires without error when it is over. None: this fetch would come too soon, or bring nothing new.
        """
        if self._stopped or not isinstance(self._trust and self._trust.key_set, KeySetUrl):
            return None
        if self._round is None:
            if not self._gate.admits(kid, self._clock.seconds()):
                return None
            self._counters["key_refetches", "unknown_kid"] += 1
            self._begin()
        waiting: Deferred[None] = Deferred(self._forget)
        if self._round is None:
            waiting.callback(None)
        else:
            self._waiting.append(waiting)
        waiting.addCallback(lambda _: self._note_if_unknown(kid))
        return waiting

    @property
    def tried(self) -> bool:
        """Whether a round has come to an end, well or not."""
        return isinstance(self.trusted, Trusted) or bool(self.problem)

    def key_age(self) -> float:
        """Seconds since the keys were fetched; 0 if they never were."""
        return 0.0 if self._fetched_at is None else self._clock.seconds() - self._fetched_at

    def _forget(self, waiting: "Deferred[None]") -> None:
        self._waiting.remove(waiting)

    def _note_if_unknown(self, kid: str) -> None:
        if isinstance(self.trusted, Trusted) and kid not in self.trusted.keys.by_kid:
            self._gate.not_found(kid, self._clock.seconds())

    def _schedule(self, delay: float | None) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None if delay is None else self._clock.callLater(delay, self._begin)

    def _begin(self) -> None:
        self._schedule(None)
        work = Deferred.fromCoroutine(self._fetch()).addTimeout(_ROUND_DEADLINE, self._clock)
        self._round = work
        work.addCallbacks(self._succeeded, self._failed)
        work.addErrback(self._broken)
        work.addBoth(self._over)

    async def _fetch(self) -> float:
        """One round; returns after how many seconds the next is due."""
        now = self._clock.seconds()
        trust = self._trust
        if trust is None or now >= self._trust_due:
            trust = await self.provider.trust(self._http)
            self._trust_due = now + spread(_TRUST_PERIOD, self._random.random())
        key_set, period = trust.key_set, _TRUST_PERIOD
        if isinstance(key_set, KeySetUrl):
            response = await self._http.request("GET", key_set.url, headers=_ACCEPT, as_pod=key_set.as_pod)
            document: object = response.good_answer(f"the key set {key_set.url}")
            period = key_set_period(response.headers.get("cache-control", ""))
        else:
            document = key_set.document
        self._take(trust, document)
        return period

    def _take(self, trust: Trust, document: object) -> None:
        """Makes `trust` and the keys of `document` hold. The same again changes nothing."""
        fingerprint = json.dumps(document, sort_keys=True, default=str)
        if (trust, fingerprint) == (self._trust, self._document) and not self._given_up:
            self._fetched_at = self._clock.seconds()
            return
        keys = read_key_set(document, trust.algorithms)
        self._fetched_at = self._clock.seconds()
        self._trust, self._document, self._given_up = trust, fingerprint, False
        self.trusted = Trusted(trust, keys, self.provider.subject, self.provider.audiences)
        self._log.info(
            "keys taken",
            issuer=trust.issuer,
            kids=sorted(keys.by_kid),
            dropped=[f"{dropped.index} {dropped.kid} {dropped.reason.value}" for dropped in keys.dropped],
        )
        self._changed()

    def _succeeded(self, period: float) -> None:
        self._counters["key_fetches", "ok"] += 1
        self._failures, self.problem = 0, ""
        empty = isinstance(self.trusted, Trusted) and self.trusted.keys.empty
        self._schedule(spread(min(period, _BACKOFF.most) if empty else period, self._random.random()))

    def _failed(self, failure: Failure) -> None:
        if self._stopped and failure.check(CancelledError):
            return
        failure.trap(ProviderError, PluginDefect, KeySetError, DeadlinePassed)
        error = failure.value
        self.problem = f"no answer within {_ROUND_DEADLINE:g} s" if isinstance(error, DeadlinePassed) else str(error)
        self._note_failure(getattr(error, "retry_after", None) if isinstance(error, Unavailable) else None)

    def _broken(self, failure: Failure) -> None:
        self._log.failure("fetching keys failed unexpectedly", failure, provider=self.provider.spec.type)
        self.problem = f"an unexpected {type(failure.value).__name__}, see the log"
        self._note_failure(None)

    def _note_failure(self, retry_after: float | None) -> None:
        self._counters["key_fetches", "failed"] += 1
        self._failures += 1
        # Whom to believe is asked anew as well: the address of the keys may be what has changed.
        self._trust_due = 0.0
        self._log.warning("keys cannot be fetched", provider=self.provider.spec.type, problem=self.problem)
        if isinstance(self.trusted, Untrusted):
            self.trusted = Untrusted(self.problem)
            self._changed()
        elif not self._given_up and self.key_age() >= _MAX_STALE:
            self._given_up = True
            self._log.error("keys given up", issuer=self.trusted.trust.issuer, hours=_MAX_STALE / 3600)
            self.trusted = evolve(self.trusted, keys=KeySet())
            self._changed()
        self._schedule(max(_BACKOFF.delay(self._failures, self._random.random()), min(retry_after or 0.0, 300.0)))

    def _over(self, _: object) -> None:
        self._round = None
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)
