"""Host names to addresses, for the way out: a file of fixed addresses first, then the system's resolver."""

import ipaddress
import socket
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from aegis_proxy.core.egress import families_in_turn, parse_connect_to
from aegis_proxy.core.refusals import UPSTREAM_UNREACHABLE, Refused
from aegis_proxy.shell.upstream import Address

_LIFETIME = 5.0
_FIXED_LIFETIME = 0.1
_REMEMBERED = 1024


class ConnectTo:
    """A file of `HOST:PORT ADDRESS:PORT` lines, as `--connect-to-file` names it, read again when it has changed."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._known: dict[tuple[str, int], Address] = {}

    def get(self, host: str, port: int) -> Address | None:
        """By the file as it is now."""
        if self._path is None:
            return None
        try:
            stat = self._path.stat()
            stamp = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            if stamp != self._stamp:
                self._known, self._stamp = parse_connect_to(self._path.read_text("utf-8")), stamp
        except (OSError, ValueError):  # half written or gone for a moment: what was good stays in force
            pass
        return self._known.get((host, port))


class Resolver:
    """Remembers answers for 5 s, the operator's for 0.1 s, and at most 1,024 of each. `clock` is monotonic seconds."""

    def __init__(self, reactor: Any, clock: Callable[[], float], connect_to: ConnectTo) -> None:
        self._reactor = reactor
        self._clock = clock
        self._connect_to = connect_to
        self._fixed: dict[tuple[str, int], Address] = {}
        self._fixed_until = 0.0
        self._known: OrderedDict[str, tuple[float, tuple[str, ...]]] = OrderedDict()
        self._asked: dict[str, list[Deferred[tuple[str, ...]]]] = {}

    def fixed(self, host: str, port: int) -> Address | None:
        """The address that the operator's file gives, or the literal that `host` already is."""
        if self._clock() >= self._fixed_until or len(self._fixed) >= _REMEMBERED:
            self._fixed.clear()
            self._fixed_until = self._clock() + _FIXED_LIFETIME
        address = self._fixed.get((host, port))
        if address is None:
            address = self._connect_to.get(host, port)
            if address is None and (literal := _literal(host)):
                address = literal, port
            if address is not None:
                self._fixed[host, port] = address
        return address

    def at_hand(self, host: str, port: int) -> Address | tuple[str, ...] | None:
        """What `fixed` or else `addresses` gives without waiting: the same object for as long as it stands."""
        address = self.fixed(host, port)
        if address is not None:
            return address
        known = self._known.get(host)
        return known[1] if known is not None and self._clock() < known[0] else None

    def addresses(self, host: str) -> "tuple[str, ...] | Deferred[tuple[str, ...]]":
        """The addresses of a name, at least one. Fails with Refused."""
        known = self._known.get(host)
        if known is not None and self._clock() < known[0]:
            return known[1]
        answer: Deferred[tuple[str, ...]] = Deferred()
        if host in self._asked:
            self._asked[host].append(answer)
            return answer
        self._asked[host] = [answer]
        looked_up = deferToThreadPool(self._reactor, self._reactor.getThreadPool(), _look_up, host)
        looked_up.addCallback(self._remember, host)
        looked_up.addBoth(self._tell, host)
        return answer

    def _remember(self, found: tuple[str, ...], host: str) -> tuple[str, ...]:
        self._known[host] = (self._clock() + _LIFETIME, found)
        self._known.move_to_end(host)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return found

    def _tell(self, result: "tuple[str, ...] | Failure", host: str) -> None:
        for waiting in self._asked.pop(host):
            if isinstance(result, Failure):
                waiting.errback(Refused(UPSTREAM_UNREACHABLE, f"the name {host} has no address"))
            else:
                waiting.callback(result)


@lru_cache(maxsize=_REMEMBERED)
def _literal(host: str) -> str:
    """The address that `host` already is, in its one spelling; empty for a name."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return ""


def _look_up(host: str) -> tuple[str, ...]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return families_in_turn([str(entry[4][0]) for entry in found])
