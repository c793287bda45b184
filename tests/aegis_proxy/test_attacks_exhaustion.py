"""Section 2.4 of the attack catalogue, on real sockets: memory stays bounded, whoever does not read or does not end.

Deadlines (D01) are tested in virtual time beside their code, in shell/test_server.py.
"""

import gzip
import json
import re
import socket
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import yaml

from support.mesh import LAST, RULES, Mesh, request
from support.proxy_process import ProxyProcess, policy, provider, token
from support.raw_client import RawClient
from support.recording_origin import Connection, RecordingOrigin
from support.waiting import eventually

MIB = 1 << 20
STREAM = 64 * MIB
# What sockets and transports may hold in both directions, far below what is streamed.
GROWTH = 16 * MIB
PIECE = b"0123456789abcdef" * 4096


def send_pieces(client: RawClient, size: int) -> int:
    """Sends up to `size` bytes as long as they are taken within a second; gives how many were."""
    client.socket.settimeout(1.0)
    sent = 0
    try:
        while sent < size:
            sent += client.socket.send(PIECE[: size - sent])
    except TimeoutError:
        pass
    client.socket.settimeout(10.0)
    return sent


def settle(count: Callable[[], int]) -> None:
    """Waits until a count has stopped growing."""
    seen: list[int] = []

    def same() -> bool:
        seen.append(count())
        return len(seen) > 6 and seen[-6:] == [seen[-1]] * 6

    eventually(same)


def test_d02_a_stalled_reader_stops_the_app(mesh: Mesh) -> None:
    """Its backpressure reaches the app, and what is held between them is bounded; read on, it gets every byte."""
    sent = [0]

    def pour(connection: Connection) -> None:
        connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % STREAM)
        while sent[0] < STREAM and connection.send(PIECE):
            sent[0] += len(PIECE)
        connection.receive()

    mesh.origin.serve(pour)
    before = mesh.proxy.resident()
    with mesh.client(receive_buffer=65536) as client:
        client.send(request())
        eventually(lambda: sent[0] > 0)
        settle(lambda: sent[0])
        assert sent[0] < STREAM
        assert mesh.proxy.resident() - before < GROWTH
        client.socket.settimeout(30.0)
        assert client.answer().body == PIECE * (STREAM // len(PIECE))


@contextmanager
def small(folder: Path, *flags: str) -> Iterator[Mesh]:
    """A proxy of its own, with other limits."""
    with RecordingOrigin() as origin:
        to = [f"--ingress-upstream=127.0.0.1:{origin.port}", "--provider=corp", "--policy=orders"]
        with ProxyProcess(folder, [provider(), policy(*RULES)], *to, *flags) as proxy:
            yield Mesh(proxy, origin)
            proxy.check_log()


def test_d03_thousands_of_idle_connections(tmp_path: Path) -> None:
    """Half of them with half a request: who has a whole one is served all the while, and so are probes; the idlest go
    when the most is reached, and what is open stays below it."""
    with small(tmp_path, "--max-connections=200") as mesh, ExitStack() as stack:
        served = stack.enter_context(mesh.client())
        for number in range(1000):
            client = stack.enter_context(mesh.client())
            if number % 2:
                client.send(b"GET /public HTTP/1.1\r\nHost:")
            if number % 100 == 0:
                assert served.send(request()).answer().status == 200
                assert mesh.ask(LAST)[0].status == 200
                assert mesh.proxy.admin("/ready").status == 200
        assert mesh.proxy.open_files() < 300
        gauges = dict(line.split(" ") for line in mesh.proxy.metrics().splitlines() if line.startswith("aegis_"))
        assert 700 < float(gauges['aegis_connections_evicted_total{direction="inbound"}']) < 1000
        assert float(gauges['aegis_connections_turned_away_total{direction="inbound"}']) == 0
        told = eventually(lambda: mesh.proxy.of("no room"))
        assert (told[0]["direction"], told[0]["limit"], told[0]["turned_away"]) == ("inbound", 200, 0)
        assert float(gauges["aegis_open_files"]) < 300 < float(gauges["aegis_open_files_limit"])


def test_d03_who_is_served_is_not_sent_away(tmp_path: Path) -> None:
    """Where every connection has a request under way, the next one is closed at once; then there is room again."""

    def silent(connection: Connection) -> None:
        connection.head()
        connection.ended.wait(30)

    with small(tmp_path, "--max-connections=20") as mesh, ExitStack() as stack:
        mesh.origin.serve(silent)
        busy = [stack.enter_context(mesh.client()) for _ in range(20)]
        for client in busy:
            client.send(request())
        eventually(lambda: len(mesh.origin.connections) == 20)
        with mesh.client() as client, suppress(ConnectionResetError):
            assert client.send(request()).rest() == b""
        assert 'aegis_connections_turned_away_total{direction="inbound"} 1' in mesh.proxy.metrics()
        assert mesh.proxy.admin("/ready").status == 200
        busy[0].socket.close()
        mesh.origin.reset()
        eventually(lambda: mesh.ask(LAST)[0].status == 200)


def test_d04_d02_a_stalled_app_stops_the_client(mesh: Mesh) -> None:
    """A body of 10 GiB is not held anywhere, and one without end neither."""

    def deaf(connection: Connection) -> None:
        connection.head()
        connection.ended.wait(30)

    mesh.origin.serve(deaf)
    before = mesh.proxy.resident()
    for framing, first in ((b"Content-Length: 10737418240", b""), (b"Transfer-Encoding: chunked", b"FFFFFFFFFF\r\n")):
        with mesh.client() as client:
            client.send(request(b"/upload", framing, method=b"POST", body=first))
            assert send_pieces(client, STREAM) < STREAM
            assert mesh.proxy.resident() - before < GROWTH


def test_d04_a_long_body_streams_through(mesh: Mesh) -> None:
    """64 MiB to an app that reads, and back from one that writes, in a memory that stays flat."""
    counted = [0]

    def count(connection: Connection) -> None:
        head = connection.head()
        assert head is not None
        counted[0] = len(connection.data) - len(head)
        while counted[0] < STREAM:
            data = connection.socket.recv(1 << 20)
            if not data:
                return
            counted[0] += len(data)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        connection.receive()

    mesh.origin.serve(count)
    before = mesh.proxy.resident()
    with mesh.client() as client:
        client.socket.settimeout(30.0)
        client.send(request(b"/upload", b"Content-Length: %d" % STREAM, method=b"POST"))
        for _ in range(STREAM // len(PIECE)):
            client.socket.sendall(PIECE)
        assert client.answer().status == 200
    assert mesh.proxy.resident() - before < GROWTH


def test_d05_pipelining_without_reading_is_stopped(mesh: Mesh) -> None:
    """Allowed or refused, answers that nobody reads are not piled up; read on, they come in order."""
    mesh.origin.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(PIECE), PIECE))
    for data, status in ((request(), 200), (request(auth=False), 401), (request(b"/admin"), 403)):
        before = mesh.proxy.resident()
        with mesh.client(receive_buffer=16384) as client:
            client.socket.settimeout(1.0)
            whole = data * 100
            sent = 0
            try:
                while sent < STREAM:
                    sent += client.socket.send(whole[sent % len(data) :])
            except TimeoutError:
                pass
            assert sent < STREAM
            assert mesh.proxy.resident() - before < GROWTH
            client.socket.settimeout(10.0)
            assert [client.answer().status for _ in range(100)] == [status] * 100


def test_d09_labels_do_not_grow_with_what_clients_say(mesh: Mesh) -> None:
    """Paths, hosts, methods and identities are no labels."""
    mesh.ask(request(b"/public", b"Connection: close"))
    for number in range(30):
        subject = token(sub=f"system:serviceaccount:shop:caller{number}")
        mesh.ask(request(b"/x%d" % number, b"Connection: close", method=b"M%d" % number, host=b"h%d" % number))
        mesh.ask(request(b"/y", b"Authorization: Bearer " + subject, b"Connection: close", auth=False))
    samples = [line for line in mesh.proxy.metrics().splitlines() if not line.startswith("#")]
    assert not [line for line in samples if "caller" in line or "/x" in line]
    assert len([line for line in samples if line.startswith("aegis_requests_total{")]) < 60


@pytest.mark.parametrize("coding", [b"gzip", b"br", b"deflate, gzip"])
def test_d11_compressed_bodies_pass_as_they_are(mesh: Mesh, coding: bytes) -> None:
    """Both ways, bombs and garbage alike: nobody unpacks them, and nobody looks whether they are what they say."""
    bomb = gzip.compress(bytes(STREAM))
    encoding = b"Content-Encoding: " + coding
    length = b"Content-Length: %d" % len(bomb)
    mesh.origin.answer(b"\r\n".join([b"HTTP/1.1 200 OK", encoding, length, b"", bomb]))
    before = mesh.proxy.resident()
    sent = request(b"/upload", encoding, length, b"Connection: close", method=b"POST", body=bomb)
    (answer,) = mesh.ask(sent)
    assert (answer.status, answer.value(b"content-encoding"), answer.body) == (200, coding, bomb)
    (seen,) = mesh.origin.requests
    assert (seen.value(b"content-encoding"), seen.body) == (coding, bomb)
    assert mesh.proxy.resident() - before < GROWTH


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_d12_connections_that_break_leave_nothing_behind(tmp_path: Path, reset: bool) -> None:
    """At every byte of a request: file descriptors and memory return to where they were."""
    whole = request(b"/upload", b"Content-Length: 10", method=b"POST", body=b"0123456789")
    with small(tmp_path) as mesh:

        def break_off(times: int) -> None:
            for number in range(times):
                with mesh.client() as client:
                    client.send(whole[: number % len(whole)])
                    if reset:
                        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        break_off(len(whole))
        mesh.origin.reset()
        eventually(lambda: mesh.proxy.open_files() < 40)
        files, memory = mesh.proxy.open_files(), mesh.proxy.resident()
        break_off(3 * len(whole))
        mesh.origin.reset()
        eventually(lambda: mesh.proxy.open_files() <= files)
        assert mesh.proxy.resident() - memory < 4 * MIB
        assert 'aegis_connections{direction="inbound"} 0' in mesh.proxy.metrics()


def test_d10_a_flood_of_refusals_is_no_flood_of_the_log(tmp_path: Path) -> None:
    """Thousands within a moment: some lines for each reason, and one that says how many more there were."""
    with small(tmp_path) as mesh:
        for _ in range(30):
            with mesh.client() as client:
                client.send(request(auth=False) * 99 + request(b"/nothing") + LAST)
                assert len(client.answers()) == 101
        for _ in range(100):
            assert mesh.ask(b"GET\r\n\r\n")[0].status == 400
        mesh.proxy.stop()
        assert mesh.proxy.wait() == 0
        refused = Counter(event["reason"] for event in mesh.proxy.of("refused"))
        held_back = Counter[str]()
        for event in mesh.proxy.of("suppressed"):
            held_back[event["reason"]] += event["lines"]
        assert refused + held_back == Counter(no_token=2970, not_allowed=30, bad_request=100)
        assert refused["no_token"] < 200


def test_d10_a_log_that_nobody_reads_holds_nobody_up(tmp_path: Path) -> None:
    """Not even with a line for each request: what does not fit is dropped, and counted."""
    with RecordingOrigin() as origin:
        (tmp_path / "mesh.yaml").write_text(yaml.safe_dump_all([provider(), policy(*RULES)]))
        command = [sys.executable, "-m", "aegis_proxy", "run", "--namespace=shop", "--egress-listen=", "--access-log"]
        command += [f"--resources={tmp_path / 'mesh.yaml'}", "--provider=corp", "--policy=orders"]
        command += [f"--{name}-listen=127.0.0.1:0" for name in ("ingress", "admin")]
        command += [f"--ingress-upstream=127.0.0.1:{origin.port}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            try:
                bound: dict[str, str] = {}
                while "ingress" not in bound:
                    bound = json.loads(process.stdout.readline())
                ports = {name: int(bound[name].rpartition(":")[2]) for name in ("ingress", "admin")}
                long = request(b"/public/" + b"x" * 900)
                with RawClient(ports["ingress"]) as client:
                    for _ in range(60):
                        client.send(long * 25)
                        assert [client.answer().status for _ in range(25)] == [200] * 25
                with RawClient(ports["admin"]) as client:
                    client.send(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
                    metrics = client.answer().body.decode()
                (dropped,) = re.findall(r"aegis_log_lines_dropped_total (\d+)", metrics)
                assert int(dropped) > 100
            finally:
                process.kill()
