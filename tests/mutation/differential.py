"""The same bytes to our proxy, to nginx and to HAProxy, each with an app of its own that records what it gets.

A finding is what our app sees and neither of the others': a request that both refuse, or read otherwise. What does not
reach our app needs no second opinion.
"""

import re
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Protocol

from attrs import frozen

from aegis_api.paths import AmbiguousPath, canonical_path
from mutation.messages import with_token
from mutation.oracle import allowed, is_canonical
from mutation.peer_origin import PeerOrigin
from mutation.peers import PEERS
from servers.processes import ServerProcess, free_port
from support.proxy_process import ProxyProcess, policy, provider, rule, token
from support.recording_origin import Received, RecordingOrigin
from support.waiting import eventually

# The policy of `memory.RULES`, as a resource.
RULES = (
    rule("public", ["GET", "HEAD", "POST"], "/public"),
    rule("raw", ["GET"], "/raw", allowEncodedSlash=True),
    rule("server", ["OPTIONS"], "*"),
    rule("health", ["GET"], "/healthz", pathType="Exact", unauthenticated=True),
)
_DEADLINE, _PATIENCE, _POLL = 5.0, 0.5, 0.01
# What a request means, whoever sent it on: method, canonical path, query and body.
Meaning = tuple[bytes, bytes, bytes, bytes]


class Request(Protocol):
    """A request as an app got it."""

    @property
    def method(self) -> bytes: ...

    @property
    def target(self) -> bytes: ...

    @property
    def body(self) -> bytes: ...


def meaning(request: Request) -> Meaning | None:
    """None for a target that has no single reading."""
    target = re.sub(rb"(?i)\Ahttp://[^/?]*", b"", request.target) or b"/"
    path, mark, query = target.partition(b"?")
    if path == b"*":
        return request.method, path, mark + query, request.body
    try:
        path = canonical_path(path or b"/", encoded_slash=True)
    except AmbiguousPath:
        return None
    return request.method, path, mark + query, request.body


@frozen
class Ours:
    """Our proxy on `port`, and the app behind it."""

    port: int
    origin: RecordingOrigin

    def ask(self, data: bytes) -> tuple[list[int], list[Received]]:
        """The statuses that came back to these bytes, and what the app got by then."""
        self.origin.reset()
        answered = b""
        with _talk(self.port, data) as client, suppress(OSError):  # a reset is an end, too
            client.shutdown(socket.SHUT_WR)
            while piece := client.recv(1 << 16):
                answered += piece
        return [int(found) for found in re.findall(rb"HTTP/1\.[01] ([0-9]{3}) ", answered)], list(self.origin.requests)


@frozen
class Other:
    """A peer on `port`, and the app behind it."""

    name: str
    port: int
    origin: PeerOrigin

    def sends_on(self, data: bytes, wanted: list[Meaning | None]) -> list[Meaning | None]:
        """What its app gets of these bytes: until all that is wanted is there, or no more will come."""
        self.origin.reset()
        with _talk(self.port, data) as client, suppress(OSError):  # a reset is an end, too
            patience = time.monotonic() + _PATIENCE
            client.settimeout(_POLL)
            while time.monotonic() < patience and not self._has(wanted):
                with suppress(TimeoutError):
                    if not client.recv(1 << 16):
                        break
        return [meaning(request) for request in list(self.origin.requests)]

    def _has(self, wanted: list[Meaning | None]) -> bool:
        got = [meaning(request) for request in list(self.origin.requests)]
        return all(each in got for each in wanted)


def _talk(port: int, data: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), _DEADLINE)
    with suppress(OSError):  # the proxy may have closed, which is an answer, too
        client.sendall(data)
    return client


@contextmanager
def contest() -> Iterator[Callable[[bytes], tuple[str, list[str]]]]:
    """Gives the judge of one mutant: (what came of it, findings). Raises peers.Missing."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aegis-differential-")))
        origin = stack.enter_context(RecordingOrigin())
        flags = [
            "--provider=corp",
            "--policy=orders",
            f"--ingress-upstream=127.0.0.1:{origin.port}",
        ]
        proxy = stack.enter_context(ProxyProcess(folder, [provider(), policy(*RULES)], *flags))
        ours = Ours(proxy.ingress, origin)
        others = []
        for peer in PEERS:
            own = folder / peer.name
            own.mkdir()
            behind = stack.enter_context(PeerOrigin())
            launch = peer.prepare(own, free_port(), behind.port)
            stack.enter_context(ServerProcess(launch.command, own / "log"))
            others.append(Other(peer.name, launch.port, behind))
            eventually(partial(_listens, launch.port))
        good = token()
        yield lambda message: compare(ours, others, with_token(message, good))
        proxy.check_log()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def compare(ours: Ours, others: list[Other], data: bytes) -> tuple[str, list[str]]:
    """O1 and O2 on our own, and the opinion of the others about each request that our app saw."""
    statuses, seen = ours.ask(data)
    found = []
    for request in seen:
        path = request.target.partition(b"?")[0]
        if not allowed(request.method, path) or not (path == b"*" or is_canonical(path)):
            found.append(f"O2: the app saw {request.method!r} {request.target!r}")
    if statuses.count(200) != len(seen):
        found.append(f"O1: {len(seen)} requests at the app, {statuses} to the client")
    if seen:
        wanted = [meaning(request) for request in seen]
        opinions = {other.name: other.sends_on(data, wanted) for other in others}
        lonely = [mine for mine in wanted if not any(mine in theirs for theirs in opinions.values())]
        found.extend(f"no peer sends on {mine!r}: {opinions!r}" for mine in lonely)
    return " ".join(map(str, statuses[:2])) or "no answer", found
