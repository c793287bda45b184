"""What a request costs within the proxy alone, without sockets and kernel: `PYTHONPATH=tests python -m bench.stack`.

`task bench` says what a user pays. This says where to look: it is quick, and its least figure is steady even on a
machine that does other work. Both ends of the proxy are fed with bytes on wires that lead nowhere.
"""

import gc
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred

from aegis_api.policy import IngressPolicy
from aegis_api.resources import parse_resource
from aegis_proxy.core.rules import compile_rules
from aegis_proxy.core.snapshot import Snapshot
from aegis_proxy.shell.ingress import IngressSide
from aegis_proxy.shell.metrics import Metrics
from aegis_proxy.shell.records import Records
from aegis_proxy.shell.server import Deadlines, Server
from aegis_proxy.shell.server_connection import ServerConnection
from aegis_proxy.shell.upstream import UpstreamConnection, UpstreamPool
from bench.mesh import HOST, Mesh
from bench.peers import NAMESPACE, aegis_resources
from bench.way_out import way_out
from support.tokens import authorities

_APP = ("127.0.0.1", 8080)
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 1024\r\ncontent-type: text/plain\r\n\r\n" + b"x" * 1024
_TRIALS = 60
_MANY = "2,000 tokens in turn, all of them seen before"


class Wire:
    """A transport that leads nowhere; `written` is what was sent on it last."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written = data

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


@cache
def snapshot_of(mesh: Mesh) -> Snapshot:
    """What a proxy in that mesh enforces."""
    parsed = [parse_resource(document, NAMESPACE) for document in aegis_resources(mesh)]
    policies = [each for each in parsed if isinstance(each, IngressPolicy)]
    return Snapshot(1, authorities(mesh.key), compile_rules(policies, missing=False))


def way_in(mesh: Mesh, records: Records) -> IngressSide:
    control: Any = SimpleNamespace(snapshot=snapshot_of(mesh), refetch_keys=lambda *_: None)
    return IngressSide(control, records, time.time, _APP)


def stack(mesh: Mesh) -> Callable[[bytes], bytes]:
    """A client connection with an idle connection to the app: takes a request head, gives the whole answer."""
    log: Any = SimpleNamespace(info=lambda *_, **__: None)
    records = Records(log, Metrics(), access=False)
    pool = UpstreamPool(None)
    side = way_out(mesh, _APP) if mesh.outbound else way_in(mesh, records)
    server = Server(side, pool, records, time.monotonic, Deadlines())
    app, client = Wire(), Wire()
    upstream, connection = UpstreamConnection(pool, _APP, Deferred()), ServerConnection(server, b"127.0.0.1")
    for protocol, wire in ((upstream, app), (connection, client)):
        ends: Any = protocol
        ends.makeConnection(wire)
    pool.keep(upstream)

    def exchange(head: bytes) -> bytes:
        connection.dataReceived(head)
        upstream.dataReceived(_ANSWER)
        return client.written

    return exchange


def heads(mesh: Mesh, tokens: Sequence[str], path: str = "") -> list[bytes]:
    """Requests as wrk sends them, those of an app without a token; `path` may hold `{}` for their number."""
    path = path or mesh.path
    host = HOST if mesh.outbound else "127.0.0.1:3127"
    fields = [f"Host: {host}\r\n{'' if mesh.outbound else f'Authorization: Bearer {token}'}" for token in tokens]
    return [
        f"GET {path.format(number)} HTTP/1.1\r\n{section.rstrip()}\r\n\r\n".encode()
        for number, section in enumerate(fields)
    ]


def least(mesh: Mesh, requests: list[bytes], *, again: bool = False) -> float:
    """Microseconds per request: the least of some trials, each by a proxy that has seen none of them. `again`: each
    came once before it is counted.
    """
    figures = []
    gc.disable()  # where a proxy runs, it hardly ever does
    for _ in range(_TRIALS):
        exchange = stack(mesh)
        asked = [bytes(bytearray(head)) for head in requests]  # from a socket, no two are the same object
        for head in asked if again else asked[:32]:
            if not exchange(head).startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"not authorised: {exchange(head)!r}")
        began = time.process_time()
        for head in asked[32:]:
            exchange(head)
        figures.append((time.process_time() - began) / (len(asked) - 32) * 1e6)
    return min(figures)


def main() -> None:
    mesh, elliptic, large, out = Mesh(), Mesh(algorithm="ES256"), Mesh(rules=10_000), Mesh(outbound=True)
    one = [mesh.token()] * 600
    cases = {
        "the same head again": (mesh, heads(mesh, one)),
        "one token, another path each time": (mesh, heads(mesh, one, f"{mesh.path}/{{}}")),
        "the way out, the same head again": (out, heads(out, [""] * 600)),
        "the way out, another path each time": (out, heads(out, [""] * 600, f"{out.path}/{{}}")),
        "10,000 rules": (large, heads(large, [large.token()] * 600)),
        _MANY: (mesh, heads(mesh, mesh.tokens(2000))),
        "a fresh token each time, RS256": (mesh, heads(mesh, mesh.tokens(500))),
        "a fresh token each time, ES256": (elliptic, heads(elliptic, elliptic.tokens(500))),
    }
    for name, (enforced, requests) in cases.items():
        sys.stdout.write(f"{least(enforced, requests, again=name == _MANY):7.1f} us  {name}\n")


if __name__ == "__main__":
    main()
