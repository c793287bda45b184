"""Requests of an app as mutants, through the egress port in memory: which bytes reach which address, with whose token.

The oracle knows the names, the rule of the Identity and what may never be called in words of its own.
"""

import re
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, fail

from aegis_api.hosts import HostPattern
from aegis_api.identity import Identity
from aegis_api.metadata import Metadata
from aegis_proxy.core.refusals import UPSTREAM_UNREACHABLE, Refused
from aegis_proxy.core.snapshot import Snapshot
from aegis_proxy.shell.egress import EgressSide
from aegis_proxy.shell.exchange import Route
from aegis_proxy.shell.records import Records
from mutation.memory import TOKEN, MemoryProxy, Outcome, Watched, memory_proxy
from mutation.oracle import ENDING, conversation
from mutation.origin import Seen

Address = tuple[str, int]

# Some of these names lead, beside others or alone, where nobody may be sent.
NAMES = {
    "orders.shop.svc": ("10.0.0.1", "10.0.0.2"),
    "billing.shop.svc": ("10.0.0.3",),
    "b.shop.svc": ("10.0.0.4",),
    "orders.shop.svc.evil.example": ("10.0.0.5",),
    "outside.example": ("10.0.0.6", "169.254.169.254"),
    "partner.example": ("10.0.0.7",),
    "metadata.example": ("169.254.169.254",),
    "self.example": ("127.0.0.1",),
}
_LISTED = ("orders.shop.svc", "partner.example")
_OWN_PORTS = (3127, 3128)
_TUNNEL_PORT = 443
OWN = b"Basic b3duOm93bg=="


class _Names:
    """The resolver: what is not known has no address."""

    def fixed(self, host: str, port: int) -> Address | None:
        try:
            return str(ip_address(host)), port
        except ValueError:
            return None

    def at_hand(self, host: str, port: int) -> Address | tuple[str, ...] | None:
        return self.fixed(host, port) or NAMES.get(host)

    def addresses(self, host: str) -> "tuple[str, ...] | Deferred[tuple[str, ...]]":
        return NAMES.get(host) or fail(Refused(UPSTREAM_UNREACHABLE, "no address"))


class _Outbound(EgressSide):
    passed: list[bytes]

    def route(self, request: Any, connection: Any) -> Any:
        routed = super().route(request, connection)

        def passed(route: Route) -> Route:
            if route.head:
                self.passed.append(request.target)
            return route

        return passed(routed) if isinstance(routed, Route) else routed.addCallback(passed)


def _side(records: Records) -> Watched:
    identity = Identity(Metadata("me", "shop"), "corp", "me", hosts=tuple(HostPattern(host) for host in _LISTED))
    tokens = SimpleNamespace(cached=lambda audience: TOKEN)
    control: Any = SimpleNamespace(snapshot=Snapshot(1, identity=identity, audience="aegis"), tokens=tokens)
    names: Any = _Names()
    own = {(host, port) for host in ("127.0.0.1", "10.0.0.9") for port in _OWN_PORTS}
    return _Outbound(control, names, "shop", own, lambda _: None, frozenset({_TUNNEL_PORT}))


def outbound_proxy() -> AbstractContextManager[MemoryProxy]:
    return memory_proxy(_side)


def outbound_findings(outcome: Outcome, message: bytes) -> Iterator[str]:
    """What is wrong with the outcome of one mutant of a request of the app."""
    yield from conversation(outcome, ENDING | {200, 403, 502, 503})
    for address, request in zip(outcome.addresses, outcome.seen, strict=True):
        yield from _request(address, request)
    for address, sent in outcome.tunnels:
        if address[1] != _TUNNEL_PORT or _forbidden(address):
            yield f"E02: a tunnel to {address}"
        if not message.endswith(sent) or TOKEN in sent:
            yield "E02: a tunnel carried other bytes than the app's"


def _request(address: Address, seen: Seen) -> Iterator[str]:
    hosts = seen.values(b"host")
    if len(hosts) != 1:
        yield f"the destination got {len(hosts)} Host fields"
        return
    host, port = _authority(hosts[0].decode("latin-1"))
    if address[1] != port or _packed(address[0]) not in [_packed(known) for known in NAMES.get(host, (host,))]:
        yield f"E02: a request for {host}:{port} went to {address}"
    if _forbidden(address):
        yield f"E03: a request went to {address}"
    credentials = seen.values(b"authorization")
    if (credentials == [b"Bearer " + TOKEN]) is not (host in _LISTED):
        yield f"E01: {host} got the token, or not"
    if TOKEN in b"\n".join([seen.target, seen.body, *(line for line in seen.lines if b"uthorization" not in line)]):
        yield "E01: the token stands somewhere else"
    if len(credentials) > 1:
        yield "E05: two Authorization fields"
    if host == "partner.example":
        yield "E02: a token left the cluster in plain text"
    if not re.fullmatch(rb"/[!-\"$-~]*", seen.target) and (seen.method, seen.target) != (b"OPTIONS", b"*"):
        yield f"the destination got the target {seen.target!r}"
    names = [line.partition(b":")[0].lower() for line in seen.lines]
    if any(re.sub(rb"[-_]+", b"-", name).startswith(b"x-aegis-") for name in names):
        yield "the destination got a field of ours"
    asked = sorted({b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"upgrade"} & {*names})
    if asked not in ([], [b"connection", b"upgrade"]):
        yield f"the destination got hop-by-hop fields: {asked}"


def _authority(text: str) -> tuple[str, int]:
    """(host as the rule spells it, port) in words of the oracle's own."""
    bracketed = re.fullmatch(r"\[([^]]*)\](?::([0-9]+))?", text)
    found = bracketed or re.fullmatch(r"([^:]*)(?::([0-9]+))?", text)
    if found is None:
        return text, -1
    name = found[1].lower()
    if not bracketed:
        name = re.sub(r"\.$", "", name)
        name = re.sub(r"\.svc\.cluster\.local$", ".svc", name)
        name = name if "." in name or name == "localhost" else f"{name}.shop.svc"
    return name, int(found[2] or 80)


def _packed(host: str) -> bytes:
    """An address as the kernel takes it, and one of IPv4 as such however it is written; empty for a name."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):
            return socket.inet_pton(family, host).removeprefix(bytes(10) + b"\xff\xff")
    return b""


def _forbidden(address: Address) -> bool:
    host, port = _packed(address[0]), address[1]
    metadata = host.startswith((b"\xa9\xfe", b"\xfd\0\x0e\xc2", bytes((0xFE, 0x80)))) or host == b"\x64\x64\x64\xc8"
    nobody = not any(host) or 224 <= host[0] < 240 or (len(host) == 16 and host[0] == 0xFF)
    ours = host.startswith(b"\x7f") or host in (bytes(15) + b"\1", b"\x0a\0\0\x09")
    return metadata or nobody or (ours and port in _OWN_PORTS)
