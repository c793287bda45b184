"""Section 2.5 of the attack catalogue where HTTP ends, and CONNECT (M04, E03, E04), on real sockets.

U01 (h2c) is in test_attacks_headers.py and core/test_upgrade.py, idle tunnels (U05) are in shell/test_tunnel.py.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aegis_proxy.core.websocket import GOING_AWAY, NOT_ALLOWED, close_frame
from support.mesh import CANARY, RULES, Mesh, request
from support.proxy_process import ProxyProcess, policy, provider, rule, token
from support.raw_client import RawClient
from support.recording_origin import Connection, RecordingOrigin
from support.waiting import eventually

MIB = 1 << 20
SIZE = 64 * MIB
ASK = (b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: a2V5")
AGREED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
FRAME = b"\x82\x03abc"


def agreeing(then: Callable[[Connection], None], protocol: bytes = b"websocket") -> Callable[[Connection], None]:
    """An app that agrees to each upgrade."""

    def serve(connection: Connection) -> None:
        connection.head()
        connection.send(AGREED.replace(b"websocket", protocol))
        then(connection)

    return serve


def echo(connection: Connection) -> None:
    done = connection.data.index(b"\r\n\r\n") + 4
    more = True
    while more:
        data = connection.data[done:]
        connection.send(data)
        done += len(data)
        more = connection.receive()


def listen_only(connection: Connection) -> None:
    while connection.receive():
        pass


def test_u04_an_upgrade_needs_a_token_and_a_rule(mesh: Mesh) -> None:
    """As every request does; refused, nothing reaches the app, and the next bytes are judged as a request."""
    mesh.origin.serve(agreeing(echo))
    for asked, status in ((request(b"/public", *ASK, auth=False), 401), (request(b"/admin", *ASK), 403)):
        with mesh.client() as client:
            assert client.send(asked).answer().status == status
            assert client.send(FRAME + b"\r\n\r\n").answer().status == 400
    assert mesh.origin.connections == []


def test_u04_a_tunnel_opens_with_the_101(mesh: Mesh) -> None:
    """Then the bytes are the app's and the client's."""
    mesh.origin.serve(agreeing(echo))
    with mesh.client() as client:
        switched = client.send(request(b"/public", *ASK) + FRAME).interim()
        assert switched.status == 101
        assert (switched.value(b"upgrade"), switched.value(b"connection")) == (b"websocket", b"Upgrade")
        for _ in range(3):
            client.send(FRAME)
        assert client.finish().rest() == FRAME * 4
    assert b"Authorization" not in mesh.origin.connections[0].data


def test_u04_nothing_passes_before_the_101(mesh: Mesh) -> None:
    """An app that takes its time sees the request only; held bytes are bounded."""
    go = threading.Event()

    def late(connection: Connection) -> None:
        connection.head()
        go.wait(20)
        connection.send(AGREED)
        listen_only(connection)

    mesh.origin.serve(late)
    with mesh.client() as client:
        client.send(request(b"/public", *ASK) + FRAME * 1000)
        assert client.silent()
        assert FRAME not in mesh.origin.connections[0].data
        go.set()
        assert client.interim().status == 101
        eventually(lambda: mesh.origin.connections[0].data.endswith(FRAME * 1000))


def test_u04_an_app_that_says_no_gets_no_tunnel(mesh: Mesh) -> None:
    """What a client sends behind it is the next request, judged like every other."""
    mesh.origin.answer(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    denied = request(b"/admin")
    with mesh.client() as client:
        client.send(request(b"/public", *ASK) + denied + CANARY)
        assert [client.answer().status for _ in range(3)] == [403, 403, 403]
    assert mesh.origin.targets == [b"/public", b"/public/canary"]


def test_f23_an_upgrade_to_something_else_is_a_502(mesh: Mesh) -> None:
    """The app's bytes are not what the client would take them for."""
    mesh.origin.serve(agreeing(listen_only, b"h2c"))
    with mesh.client() as client:
        assert client.send(request(b"/public", *ASK)).answer().status == 502


@pytest.mark.parametrize("down", [True, False], ids=["down", "up"])
def test_u05_who_does_not_read_is_waited_for(mesh: Mesh, down: bool) -> None:
    """Of 64 MiB the proxy holds little while the reader sleeps, and loses none; the end is a half-close."""
    read, received = threading.Event(), [0]
    sent = [0]

    def pour(peer: socket.socket) -> None:
        piece = bytes(MIB)
        while sent[0] < SIZE:
            peer.sendall(piece)
            sent[0] += len(piece)
        peer.shutdown(socket.SHUT_WR)

    def drink(peer: socket.socket) -> None:
        read.wait(30)
        while data := peer.recv(MIB):
            received[0] += len(data)

    ours, theirs = (drink, pour) if down else (pour, drink)
    mesh.origin.serve(agreeing(lambda connection: theirs(connection.socket), b"tcp"))
    before = mesh.proxy.resident()
    with mesh.client() as client:
        client.socket.settimeout(60)
        client.send(request(b"/public", b"Upgrade: tcp", b"Connection: upgrade"))
        received[0] = -len(AGREED.replace(b"websocket", b"tcp")) if down else 0
        work = threading.Thread(target=ours, args=(client.socket,))
        work.start()
        eventually(lambda: sent[0] > 0 and stands_still(sent))
        assert sent[0] < SIZE
        assert mesh.proxy.resident() - before < 8 * MIB
        read.set()
        work.join(60)
        eventually(lambda: received[0] == SIZE)


def stands_still(count: list[int]) -> bool:
    """Whether it has not grown for a few looks."""
    first = count[0]
    for _ in range(4):
        eventually(lambda: True)
    return count[0] == first


@contextmanager
def streaming(folder: Path, app: Callable[[Connection], None]) -> Iterator[tuple[ProxyProcess, RecordingOrigin]]:
    """A proxy of its own, whose policy a test changes."""
    with RecordingOrigin() as origin:
        origin.serve(app)
        flags = ["--provider=corp", "--policy=orders", f"--ingress-upstream=127.0.0.1:{origin.port}"]
        with ProxyProcess(folder, [provider(), policy(*RULES)], *flags, "--stream-grace=0.2") as proxy:
            yield proxy, origin
            proxy.check_log()


NO_LONGER = {
    "policy": [provider(), policy(rule("other", ["GET"], "/other"))],
    "no policy": [provider()],
    "no provider": [policy(*RULES)],
    "other keys": [provider(issuer="https://elsewhere.example"), policy(*RULES)],
}


@pytest.mark.parametrize("resources", NO_LONGER.values(), ids=NO_LONGER)
def test_u04_a_websocket_ends_with_the_policy_that_let_it_in(
    tmp_path: Path, resources: list[dict[str, object]]
) -> None:
    """1008 to both sides, and an end."""
    with streaming(tmp_path, agreeing(listen_only)) as (proxy, origin), RawClient(proxy.ingress) as client:
        assert client.send(request(b"/public", *ASK)).interim().status == 101
        proxy.apply(*resources)
        assert client.rest() == close_frame(NOT_ALLOWED)
        app = origin.connections[0]
        eventually(lambda: app.data[-8:-6] == close_frame(NOT_ALLOWED, b"mask")[:2])
        assert eventually(lambda: proxy.of("revoked"))[0]["identity"] == "system:serviceaccount:shop:identity01"
        assert "aegis_streams_revoked_total{" in proxy.metrics()


def test_u04_another_policy_that_allows_it_changes_nothing(tmp_path: Path) -> None:
    """It is judged, and goes on."""
    with streaming(tmp_path, agreeing(echo)) as (proxy, _), RawClient(proxy.ingress) as client:
        client.send(request(b"/public", *ASK)).interim()
        generations = len(proxy.of("snapshot"))
        proxy.apply(provider(), policy(*RULES, rule("more", ["GET"], "/more")))
        eventually(lambda: len(proxy.of("snapshot")) > generations)
        assert client.silent(1.5)
        assert client.send(FRAME).finish().rest() == FRAME


def pour_events(connection: Connection) -> None:
    connection.head()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
    listen_only(connection)


@pytest.mark.parametrize("app", [agreeing(listen_only), pour_events], ids=["websocket", "events"])
def test_u04_what_is_open_ends_with_its_token(tmp_path: Path, app: Callable[[Connection], None]) -> None:
    """Once the token would be refused: 30 s of skew behind its expiry, and the grace."""
    lines = ASK if app is not pour_events else ()
    with streaming(tmp_path, app) as (proxy, origin), RawClient(proxy.ingress) as client:
        now = int(time.time())
        soon = b"Authorization: Bearer " + token(iat=now - 60, nbf=now - 60, exp=now - 27)
        client.send(request(b"/public", soon, *lines, auth=False))
        assert client.interim().status == (101 if lines else 200)
        eventually(lambda: proxy.of("revoked"))
        assert proxy.of("revoked")[0]["reason"] == "expired"
        if lines:
            assert client.rest() == close_frame(NOT_ALLOWED)
        else:
            with pytest.raises(ConnectionResetError):
                client.rest()
        assert origin.connections[0].ended.wait(10)


def test_a_stop_tells_websockets(tmp_path: Path) -> None:
    """And needs not its whole grace for them."""
    with streaming(tmp_path, agreeing(listen_only)) as (proxy, _), RawClient(proxy.ingress) as client:
        client.send(request(b"/public", *ASK)).interim()
        proxy.stop()
        assert client.rest() == close_frame(GOING_AWAY)
        assert proxy.wait() == 0


@pytest.fixture(scope="module")
def egress(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ProxyProcess, RecordingOrigin]]:
    """Apps may CONNECT to the port of `origin`, which secure.example leads to."""
    folder = tmp_path_factory.mktemp("egress")
    with RecordingOrigin() as origin:
        port = origin.port
        (folder / "hosts").write_text(
            f"secure.example:{port} 127.0.0.1:{port}\nevil.example:{port} 169.254.169.254:{port}\n"
        )
        flags = [f"--connect-to-file={folder / 'hosts'}", "--ingress-listen=", f"--egress-connect-ports={port}"]
        with ProxyProcess(folder, [provider()], *flags) as proxy:
            yield proxy, origin
            proxy.check_log()


def connect(proxy: ProxyProcess, authority: str, *lines: str) -> RawClient:
    client = RawClient(proxy.egress)
    return client.send("\r\n".join([f"CONNECT {authority} HTTP/1.1", *lines, "", ""]).encode())


def greeting(connection: Connection) -> None:
    connection.receive()
    connection.send(b"hello")
    listen_only(connection)


@pytest.mark.parametrize("host", ["secure.example", "127.0.0.1"])
def test_connect_leads_where_it_says(egress: tuple[ProxyProcess, RecordingOrigin], host: str) -> None:
    """Untouched, with nothing of the request that asked for it, and what came early behind it."""
    proxy, origin = egress
    origin.reset()
    origin.serve(greeting)
    authority = f"{host}:{origin.port}"
    with connect(proxy, authority, f"Host: {authority}", "Proxy-Authorization: Basic eA==") as client:
        assert client.send(b"\x16\x03\x01").interim().status == 200
        assert client._exactly(5) == b"hello"
    eventually(lambda: origin.connections[0].ended.is_set())
    assert origin.connections[0].data == b"\x16\x03\x01"
    assert 'kind="connect"' in proxy.metrics()


def test_m04_e03_e04_connect_leads_nowhere_else(egress: tuple[ProxyProcess, RecordingOrigin]) -> None:
    """Not to other ports, metadata addresses, or what is no authority; nobody is called."""
    proxy, origin = egress
    origin.reset()
    port = origin.port
    refused = {
        "secure.example:22": 403,
        f"127.0.0.1:{proxy.egress}": 403,
        f"169.254.169.254:{port}": 403,
        f"[::ffff:169.254.169.254]:{port}": 403,
        f"evil.example:{port}": 403,
        "secure.example": 400,
        "/": 400,
    }
    for authority, status in refused.items():
        with connect(proxy, authority) as client:
            assert client.answer().status == status, authority
    with connect(proxy, f"secure.example:{port}", "Content-Length: 3") as client:
        assert client.answer().status == 400
    assert origin.connections == []


def test_e04_connect_does_not_lead_to_the_proxy_itself(tmp_path: Path) -> None:
    """Even where its port is listed."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    flags = ["--ingress-listen=", f"--egress-listen=127.0.0.1:{port}", f"--egress-connect-ports={port}"]
    with ProxyProcess(tmp_path, [provider()], *flags) as proxy:
        for host in ("127.0.0.1", "127.1.2.3", "localhost", "[::1]"):
            with connect(proxy, f"{host}:{port}") as client:
                assert client.answer().status == 403
