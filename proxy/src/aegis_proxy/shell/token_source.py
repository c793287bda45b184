"""Tokens for the way out: cached, refreshed before they expire, fetched once for all who wait."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeadlinePassed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from aegis_api.names import Subject
from aegis_idp.errors import Misconfigured, ProviderError, Refused
from aegis_idp.http import Http
from aegis_idp.values import PRINCIPAL
from aegis_proxy.core.backoff import Backoff
from aegis_proxy.core.receipt import Receipt, Wanted, WrongToken, check_receipt
from aegis_proxy.core.refresh import LAST_SECONDS, token_refresh_delay
from aegis_proxy.shell.logs import Log
from aegis_proxy.shell.plugins import PluginDefect, Provider
from aegis_proxy.shell.pod_files import PodFiles, PodTokenRequest

_DEADLINE = 10.0
_MOST_AUDIENCES = 1024
# A provider that could not answer may soon; one that refused needs somebody to change something first.
_FAST = Backoff(first=1.0, most=60.0, jitter=0.2)
_SLOW = Backoff(first=30.0, most=60.0, jitter=0.2)


class TokenUnavailable(Exception):  # named by what happened, as its catcher asks
    """No token can be had now. Its text is for the log; `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@frozen(eq=False)
class Binding:
    """Who asks which provider. `issuer` says whose tokens are expected, empty while that is not known.

    `metadata` is what is known of the identity at its provider.
    """

    provider: Provider
    subject: Subject
    issuer: Callable[[], str]
    metadata: Mapping[str, str] = field(factory=dict)

    def is_same(self, other: "Binding") -> bool:
        """Whether tokens of the one are good for the other."""
        same_provider = self.provider is other.provider
        return same_provider and (self.subject, self.metadata) == (other.subject, other.metadata)

    def is_another_provider_s(self, other: "Binding") -> bool:
        """Whether `other` has tokens of the same subject from elsewhere."""
        return self.subject == other.subject and self.provider is not other.provider


@define(eq=False)
class _Entry:
    """What is known of the token for one audience."""

    audience: str
    receipt: Receipt | None = None
    used: bool = True
    failures: int = 0
    retry_at: float = 0.0
    problem: str = ""
    call: Deferred[Any] | None = None
    timer: IDelayedCall | None = None
    waiting: list["Deferred[bytes]"] = field(factory=list)


class TokenSource:
    """The tokens of this pod's identity, by audience.

    A token is fetched when it is first asked for and again at 80 % of its life, if it was used since. The old one
    serves until 10 s before its end while that fails. Times are wall clock seconds since 1970 (`wall`). `arrived` is
    called when there is the first of all tokens.
    """

    def __init__(
        self,
        files: PodFiles,
        http: Http,
        clock: IReactorTime,
        wall: Callable[[], float],
        log: Log,
        random: Random,
        counters: Counter[tuple[str, str]],
        arrived: Callable[[], None] = lambda: None,
    ) -> None:
        self.pinned = ""
        self._had_first = False
        self._files = files
        self._http = http
        self._clock = clock
        self._wall = wall
        self._log = log
        self._random = random
        self._counters = counters
        self._first_arrived = arrived
        self._retired = False
        self._binding: Binding | None = None
        self._unbound = "the pod's identity is not known yet"
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    @property
    def had_first(self) -> bool:
        """Whether a token was ever had, or there is none to wait for: then the pod may start."""
        return self._had_first or (self._binding is not None and not self.pinned)

    @property
    def alive(self) -> bool:
        """Whether any token is at hand that is still good."""
        return any(self._is_good(entry) for entry in self._entries.values())

    @property
    def latest(self) -> str:
        """The audience that was asked for last, of those with a good token; empty if there is none."""
        return next((name for name, entry in reversed(self._entries.items()) if self._is_good(entry)), "")

    @property
    def principal(self) -> str:
        """The id of which the tokens at hand are, where they say no more; empty if they do."""
        return next((entry.receipt.principal for entry in self._entries.values() if entry.receipt), "")

    def _is_good(self, entry: _Entry) -> bool:
        return entry.receipt is not None and entry.receipt.expires - self._wall() > LAST_SECONDS

    def cached(self, audience: str) -> bytes | None:
        """The token for `audience` if one is at hand that is still good for 10 s."""
        entry = self._entries.get(audience)
        if entry is None or entry.receipt is None or entry.receipt.expires - self._wall() <= LAST_SECONDS:
            return None
        entry.used = True
        self._entries.move_to_end(audience)
        return entry.receipt.token

    def fetch(self, audience: str) -> "Deferred[bytes]":
        """A token for `audience`, or TokenUnavailable. All who ask meanwhile share one call."""
        result: Deferred[bytes] = Deferred(lambda gone: _leave(entry, gone))
        entry = self._entry(audience)
        token = self.cached(audience)
        if token is not None:
            result.callback(token)
            return result
        entry.waiting.append(result)
        if entry.call is None:
            now = self._clock.seconds()
            if self._binding is None or now < entry.retry_at:
                self._refuse(entry)
            else:
                self._begin(entry)
        return result

    def bind(self, binding: Binding | None, reason: str = "") -> None:
        """From now on asks as `binding`. Tokens of another one are forgotten; None: there are none, for `reason`."""
        before, self._binding, self._unbound = self._binding, binding, reason
        if not (before and binding and before.is_same(binding)):
            self.forget()
            self.pin(self.pinned)

    def pin(self, audience: str) -> None:
        """Keeps a token for `audience` at hand, used or not; "" for none."""
        self.pinned = audience
        if audience and self._binding is not None and self.cached(audience) is None:
            entry = self._entry(audience)
            if entry.call is None and self._clock.seconds() >= entry.retry_at:
                self._begin(entry)

    def retire(self) -> None:
        """Renews nothing from now on. Who waits already gets what is under way."""
        self._retired = True
        for entry in self._entries.values():
            _cancel(entry)

    def forget(self) -> None:
        """Drops all tokens and ends all calls."""
        entries, self._entries = list(self._entries.values()), OrderedDict()
        for entry in entries:
            self._drop(entry)

    def describe(self) -> list[dict[str, object]]:
        """For each audience: how long its token is good, and what went wrong last."""
        now = self._wall()
        return [
            {
                "audience": entry.audience,
                "expires_in": round(entry.receipt.expires - now) if entry.receipt else None,
                "problem": entry.problem or None,
            }
            for entry in self._entries.values()
        ]

    def _entry(self, audience: str) -> _Entry:
        entry = self._entries.get(audience)
        if entry is None:
            entry = self._entries[audience] = _Entry(audience)
            if len(self._entries) > _MOST_AUDIENCES:
                oldest = next(name for name in self._entries if name not in (self.pinned, audience))
                self._drop(self._entries.pop(oldest))
        self._entries.move_to_end(audience)
        return entry

    def _drop(self, entry: _Entry) -> None:
        _cancel(entry)
        if entry.call is not None:
            entry.call.cancel()
        self._refuse(entry)

    def _refuse(self, entry: _Entry) -> None:
        """Answers all who wait that there is no token."""
        if self._binding is None:
            message, retry_after = self._unbound, 1.0
        else:
            message = entry.problem or "the pod's identity has just changed"
            retry_after = max(1.0, entry.retry_at - self._clock.seconds())
        waiting, entry.waiting = entry.waiting, []
        for one in waiting:
            one.errback(TokenUnavailable(f"no token for the audience {entry.audience}: {message}", retry_after))

    def _begin(self, entry: _Entry) -> None:
        binding = self._binding
        if binding is None:
            return
        _cancel(entry)
        request = PodTokenRequest(binding.subject, entry.audience, self._files, binding.metadata)
        call = Deferred.fromCoroutine(binding.provider.acquire(request, self._http)).addTimeout(_DEADLINE, self._clock)
        entry.call = call
        audience = binding.provider.audience_claim(entry.audience)
        wanted = Wanted(binding.subject, audience, binding.issuer(), binding.metadata.get(PRINCIPAL, ""))
        call.addCallback(lambda token: check_receipt(token.reveal(), wanted, binding.provider.subject, self._wall()))
        call.addCallbacks(self._arrived, self._failed, callbackArgs=(entry,), errbackArgs=(entry,))

    def _arrived(self, receipt: Receipt, entry: _Entry) -> None:
        self._counters["token_fetches", "ok"] += 1
        first, self._had_first = not self._had_first, True
        entry.call = None
        entry.receipt, entry.failures, entry.retry_at, entry.problem = receipt, 0, 0.0, ""
        delay = token_refresh_delay(receipt.issued, receipt.expires, self._wall(), self._random.random())
        if not self._retired:
            entry.timer = self._clock.callLater(delay, self._due, entry)
        waiting, entry.waiting = entry.waiting, []
        entry.used = bool(waiting)
        for one in waiting:
            one.callback(receipt.token)
        if first:
            self._first_arrived()

    def _due(self, entry: _Entry) -> None:
        """Renews a token that is in use, and forgets one that was not asked for during most of its life."""
        entry.timer = None
        if entry.used or entry.audience == self.pinned:
            self._begin(entry)
        else:
            self._entries.pop(entry.audience, None)

    def _failed(self, failure: Failure, entry: _Entry) -> None:
        entry.call = None
        error = failure.value
        if isinstance(error, CancelledError):
            return
        outcome, entry.problem = _reason(error)
        if outcome == "defect":
            self._log.failure("a token could not be had: defect", failure, audience=entry.audience)
        self._counters["token_fetches", outcome] += 1
        entry.failures += 1
        backoff = _SLOW if isinstance(error, Refused | Misconfigured | WrongToken) else _FAST
        wish = min(getattr(error, "retry_after", None) or 0.0, 300.0)
        delay = max(backoff.delay(entry.failures, self._random.random()), wish)
        entry.retry_at = self._clock.seconds() + delay
        self._log.warning("no token", audience=entry.audience, problem=entry.problem, retry_in=round(delay, 1))
        if not self._retired and (entry.receipt is not None or entry.audience == self.pinned):
            entry.timer = self._clock.callLater(delay, self._due, entry)
        self._refuse(entry)


def _reason(error: BaseException | None) -> tuple[str, str]:
    """What to count a failure as, and what to say of it."""
    if isinstance(error, DeadlinePassed):
        return "unavailable", f"the provider did not answer within {_DEADLINE:g} s"
    if isinstance(error, WrongToken):
        return "wrong", f"{error}; check the provider's settings"
    if isinstance(error, ProviderError):
        return type(error).__name__.lower(), str(error)
    if isinstance(error, PluginDefect):
        return "defect", str(error)
    return "defect", f"an unexpected {type(error).__name__}"


def _cancel(entry: _Entry) -> None:
    if entry.timer is not None:
        entry.timer.cancel()
        entry.timer = None


def _leave(entry: _Entry, gone: "Deferred[bytes]") -> None:
    """One who waited has given up; the call goes on for the next."""
    if gone in entry.waiting:
        entry.waiting.remove(gone)
