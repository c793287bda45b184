"""HTTP/2 through the real command, by a client that keeps to no rule. The app behind it speaks HTTP/1.1."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import hpack
import pytest

from support import h2_wire as wire
from support.mesh import RULES, Mesh
from support.proxy_process import ProxyProcess, policy, provider, token
from support.raw_client import RawClient
from support.recording_origin import Connection, RecordingOrigin
from support.waiting import eventually

Pairs = list[tuple[bytes, bytes]]

START = wire.PREFACE + wire.SETTINGS


def get(path: bytes = b"/public", *, credentials: bytes | None = None, method: bytes = b"GET") -> Pairs:
    """A request of the caller that the policy knows, or with other credentials (empty for none)."""
    given = b"Bearer " + token() if credentials is None else credentials
    fields = [(b":method", method), (b":scheme", b"http"), (b":authority", b"a"), (b":path", path)]
    return [*fields, (b"authorization", given)] if given else fields


class Talk:
    """One connection. `frames` are all that came, without settings and windows."""

    def __init__(self, mesh: Mesh) -> None:
        self.client = RawClient(mesh.proxy.ingress)
        self.frames: list[tuple[int, int, int, bytes]] = []
        self.decoder = hpack.Decoder()
        self.statuses: dict[int, bytes] = {}

    def __enter__(self) -> "Talk":
        self.client.send(START)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.socket.close()

    def send(self, data: bytes, *, one_by_one: bool = False) -> None:
        self.client.send(data, one_by_one=one_by_one)

    def next(self) -> tuple[int, int, int, bytes]:
        """The next frame; EOFError at the end of the connection."""
        head = self.client._exactly(9)
        payload = self.client._exactly(int.from_bytes(head[:3], "big"))
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
        if kind == wire.HEADERS:
            fields = dict(self.decoder.decode(payload, raw=True))
            self.statuses[stream] = fields.get(b":status", b"")
        self.frames.append((kind, flags, stream, payload))
        return kind, flags, stream, payload

    def until(self, kind: int) -> tuple[int, int, int, bytes]:
        while (frame := self.next())[0] != kind:
            pass
        return frame

    def status(self, stream: int) -> bytes:
        while stream not in self.statuses:
            self.next()
        return self.statuses[stream]

    def code(self, kind: int) -> int:
        """Of the next RST_STREAM or GOAWAY."""
        payload = self.until(kind)[3]
        return int.from_bytes(payload[-4:], "big")

    def ended(self) -> None:
        """The connection ends cleanly, with no more than what was on its way."""
        try:
            while True:
                self.next()
        except EOFError:
            pass


def running(folder: Path) -> Iterator[Mesh]:
    """A proxy that need not find out what its app speaks."""
    with RecordingOrigin() as origin:
        flags = ["--provider=corp", "--policy=orders", f"--ingress-upstream=127.0.0.1:{origin.port}", "--access-log"]
        resources = [provider(), policy(*RULES)]
        with ProxyProcess(folder, resources, *flags, "--ingress-protocol=http1") as proxy:
            yield Mesh(proxy, origin)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    yield from running(tmp_path_factory.mktemp("h2"))


@pytest.fixture
def mesh(whole: Mesh) -> Iterator[Mesh]:
    """An app that has forgotten earlier tests. O4 is checked at the end."""
    whole.origin.reset()
    yield whole
    whole.proxy.check_log()


@pytest.fixture
def talk(mesh: Mesh) -> Iterator[Talk]:
    with Talk(mesh) as talk:
        yield talk
    assert mesh.proxy.admin("/live").status == 200


def test_u02_streams_of_one_connection_are_judged_one_by_one(mesh: Mesh, talk: Talk) -> None:
    """Three streams, two tokens and none: each its own verdict, and the app sees the one that may."""
    stranger = b"Bearer " + token(sub="system:serviceaccount:shop:other")
    for number, fields in enumerate((get(), get(credentials=stranger), get(credentials=b""))):
        talk.send(wire.headers(2 * number + 1, fields))
    assert [talk.status(number) for number in (1, 3, 5)] == [b"200", b"403", b"401"]
    assert mesh.origin.targets == [b"/public"]
    assert mesh.origin.requests[0].value(b"X-Aegis-Identity") == b"system:serviceaccount:shop:identity01"


@pytest.mark.parametrize("one_by_one", [False, True])
def test_a_request_with_a_body_reaches_the_app_as_http1(mesh: Mesh, talk: Talk, one_by_one: bool) -> None:
    """Fed whole or byte by byte; crumbs of a cookie are one, the token stays here."""
    fields = [*get(b"/upload/%61", method=b"POST"), (b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"te", b"trailers")]
    data = wire.headers(1, fields, ended=False) + wire.frame(wire.DATA, wire.END_STREAM, 1, b"body")
    talk.send(data, one_by_one=one_by_one)
    assert talk.status(1) == b"200"
    (request,) = mesh.origin.requests
    assert request.head.startswith(b"POST /upload/a HTTP/1.1\r\nHost: a\r\n")
    assert (request.body, request.value(b"cookie")) == (b"body", b"a=1; b=2")
    assert request.value(b"authorization") is None


U03: dict[str, tuple[Pairs, bool]] = {
    "crlf-in-value": ([*get(), (b"x", b"1\r\nX-Aegis-Identity: root")], True),
    "cr-in-value": ([*get(), (b"x", b"1\rx")], True),
    "nul-in-value": ([*get(), (b"x", b"\0")], True),
    "crlf-in-name": ([*get(), (b"x: y\r\nz", b"1")], True),
    "upper-case": ([*get(), (b"X", b"1")], True),
    "path-with-space": (get(b"/public HTTP/1.1\r\nHost: b"), True),
    "path-with-fragment": (get(b"/public#x"), False),
    "transfer-encoding": ([*get(), (b"transfer-encoding", b"chunked")], True),
    "connection": ([*get(), (b"connection", b"close")], True),
    "content-length": ([*get(), (b"content-length", b"5")], True),
    "host-differs": ([*get(), (b"host", b"b")], True),
    "duplicate-path": ([get()[0], *get()[1:4], (b":path", b"/public"), get()[4]], True),
    "pseudo-behind": ([*get()[:3], get()[4], get()[3]], True),
}


@pytest.mark.parametrize("one_by_one", [False, True], ids=["whole", "one-by-one"])
@pytest.mark.parametrize(("fields", "reset"), U03.values(), ids=U03)
def test_u03_what_must_not_be_sent_on_as_http1(
    mesh: Mesh, talk: Talk, fields: Pairs, reset: bool, one_by_one: bool
) -> None:
    """The stream is reset with PROTOCOL_ERROR, or answered 400; the app sees nothing, and the connection goes on."""
    talk.send(wire.headers(1, fields), one_by_one=one_by_one)
    if reset:
        assert talk.code(wire.RST_STREAM) == 1
    else:
        assert talk.status(1) == b"400"
    talk.send(wire.headers(3, get(b"/public/canary")))
    assert talk.status(3) == b"200"
    assert mesh.origin.targets == [b"/public/canary"]


def test_u03_a_body_that_is_longer_than_it_says(mesh: Mesh, talk: Talk) -> None:
    """What follows it is never a request of its own."""
    fields = [*get(b"/upload", method=b"POST"), (b"content-length", b"3")]
    smuggled = b"abcGET /admin HTTP/1.1\r\nHost: a\r\n\r\n"
    talk.send(wire.headers(1, fields, ended=False) + wire.frame(wire.DATA, wire.END_STREAM, 1, smuggled))
    assert talk.code(wire.RST_STREAM) == 1
    talk.send(wire.headers(3, get(b"/public/canary")))
    assert talk.status(3) == b"200"
    assert b"/admin" not in mesh.origin.targets


FLOODS = {
    "d06-rapid-reset": lambda number: wire.headers(number, get()) + wire.rst(number),
    "d06-made-you-reset": lambda number: wire.headers(number, get()) + wire.window_update(number, 0),
    "d07-continuation": lambda number: wire.frame(1 if number == 1 else 9, 0, 1, b""),
    "d08-settings": lambda _: wire.SETTINGS,
    "d08-settings-acknowledged": lambda _: wire.frame(wire.SETTINGS_, wire.ACK, 0),
    "d08-window": lambda _: wire.window_update(0, 1),
    "d08-unknown-frames": lambda number: wire.frame(0xEE, 0, number),
    "d08-ping": lambda _: wire.frame(wire.PING, 0, 0, bytes(8)),
    "d08-priority": lambda number: wire.frame(wire.PRIORITY, 0, number, bytes(5)),
    "d08-empty-data": lambda number: (
        wire.headers(1, get(b"/upload", method=b"POST"), ended=False) if number == 1 else wire.frame(0, 0, 1)
    ),
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_floods_are_ended(mesh: Mesh, talk: Talk, flood: Callable[[int], bytes]) -> None:
    """GOAWAY with ENHANCE_YOUR_CALM, and the end; others are served meanwhile."""
    for start in range(1, 20_001, 2_000):
        talk.send(b"".join(flood(number) for number in range(start, start + 2_000, 2)))
    assert talk.code(wire.GOAWAY) == 11
    talk.ended()
    with Talk(mesh) as other:
        other.send(wire.headers(1, get()))
        assert other.status(1) == b"200"


def test_d07_a_header_list_that_is_too_large_ends_the_connection(mesh: Mesh, talk: Talk) -> None:
    """The limit is in our SETTINGS; a small block that unfolds to a large list is no way around it."""
    kind, _, _, payload = talk.next()
    assert kind == wire.SETTINGS_
    assert (6).to_bytes(2, "big") + (65_536).to_bytes(4, "big") in payload
    bomb = b"\x40" + wire.literal([(b"x", b"v" * 3000)])[1:] + b"\xbe" * 4096
    talk.send(wire.frame(wire.HEADERS, wire.END_HEADERS, 1, bomb))
    assert talk.code(wire.GOAWAY) == 11
    talk.ended()
    assert mesh.origin.requests == []


def test_d08_a_window_that_shrinks_below_nothing_stalls_nobody(mesh: Mesh, talk: Talk) -> None:
    """h2spec 6.9.2/2: a negative window is waited out, and the body then comes whole."""
    mesh.origin.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef")
    talk.send(wire.settings((4, 3)) + wire.headers(1, get()))
    assert talk.until(wire.DATA)[3] == b"abc"
    talk.send(wire.settings((4, 2)))
    talk.send(wire.window_update(1, 2))
    assert talk.until(wire.DATA)[3] == b"d"
    talk.send(wire.window_update(1, 100))
    assert talk.until(wire.DATA)[3] == b"ef"


def test_d02_a_client_that_reads_nothing_stops_the_app(mesh: Mesh) -> None:
    """Its windows are wide open, but nobody takes a gigabyte from the socket: it is not held here."""
    sent: list[int] = []

    def pour(connection: Connection) -> None:
        connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
        while len(sent) < 1 << 14 and connection.send(bytes(1 << 16)):
            sent.append(1 << 16)

    mesh.origin.serve(pour)
    before = mesh.proxy.resident()
    with Talk(mesh) as talk:
        talk.client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        talk.send(wire.settings((4, (1 << 31) - 1)) + wire.window_update(0, (1 << 31) - 1 - 65_535))
        talk.send(wire.headers(1, get()))
        talk.status(1)
        seen: list[int] = []

        def stalled() -> bool:
            seen.append(len(sent))
            return len(seen) > 50 and seen[-1] == seen[-50]

        eventually(stalled)
        assert sum(sent) < 64 << 20
        assert mesh.proxy.resident() - before < 8 << 20


def test_sigterm_lets_open_streams_end(tmp_path: Path) -> None:
    """GOAWAY, the answer that was under way, and exit code 0."""
    asked, told = threading.Event(), threading.Event()

    def late(connection: Connection) -> None:
        connection.head()
        asked.set()
        told.wait(10)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    for mesh in running(tmp_path):
        mesh.origin.serve(late)
        with Talk(mesh) as talk:
            talk.send(wire.headers(1, get()))
            assert asked.wait(10)
            mesh.proxy.stop()
            talk.until(wire.GOAWAY)
            told.set()
            talk.send(wire.frame(wire.PING, wire.ACK, 0, talk.until(wire.PING)[3]))
            assert talk.status(1) == b"200"
            talk.ended()
        assert mesh.proxy.wait() == 0
