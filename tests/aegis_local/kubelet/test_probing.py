"""Probes, against real servers on loopback."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from aegis_local.kubelet.probing import Command, HttpGet, Probe, ProbeFailed, Prober, TcpSocket, read_probe
from aegis_local.process.groups import Exit
from support.on_reactor import on_reactor, reactor

POD: dict[str, Any] = {
    "metadata": {"name": "a", "namespace": "n", "uid": "u"},
    "spec": {"containers": [{"name": "c", "ports": [{"containerPort": 8080, "name": "http"}]}]},
}
PORTS = {8080: 20001}


def read(kind: str = "readinessProbe", **probe: Any) -> Probe | None:
    return read_probe(POD, {"name": "c", kind: probe}, kind, PORTS)


@pytest.mark.parametrize(
    ("given", "question"),
    [
        ({"httpGet": {"port": "http"}}, HttpGet("http", 20001, "/")),
        (
            {"httpGet": {"port": 8080, "path": "/x", "scheme": "HTTPS", "httpHeaders": [{"name": "A", "value": "b"}]}},
            HttpGet("https", 20001, "/x", (("A", "b"),)),
        ),
        ({"tcpSocket": {"port": 8080}}, TcpSocket(20001)),
        ({"exec": {"command": ["a", "b"]}}, Command(("a", "b"))),
    ],
)
def test_a_probe_is_read_in_local_terms(given: dict[str, Any], question: object) -> None:
    """With Kubernetes' defaults."""
    assert read(**given) == Probe(question, 0, 10, 1, 3, 1)  # type: ignore[arg-type]  # one of the three


def test_times_and_thresholds_of_a_probe() -> None:
    """All five."""
    found = read(
        exec={"command": ["a"]},
        initialDelaySeconds=1,
        periodSeconds=2,
        timeoutSeconds=3,
        failureThreshold=4,
        successThreshold=5,
    )
    assert found == Probe(Command(("a",)), 1, 2, 3, 4, 5)
    assert read_probe(POD, {"name": "c"}, "livenessProbe", PORTS) is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"grpc": {"port": 1}}, "livenessProbe of container c: httpGet, tcpSocket and exec are known here"),
        ({"tcpSocket": {"port": 9}}, "port 9 is not among the pod's container ports"),
        ({"httpGet": {"port": "none"}}, "port none is not among"),
    ],
)
def test_a_probe_that_cannot_be_asked_is_refused(given: dict[str, Any], message: str) -> None:
    """The pod does not start, and says why."""
    with pytest.raises(ValueError, match=message):
        read("livenessProbe", **given)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/slow":
            threading.Event().wait(2)
        self.send_response(int(self.path.strip("/")) if self.path.strip("/").isdecimal() else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(self.headers.get("User-Agent", "")[:2].encode())

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def serving() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(question: HttpGet | TcpSocket | Command, timeout: float = 5) -> None:
    async def run(argv: tuple[str, ...]) -> Exit:
        return Exit(int(argv[0]))

    async def work() -> None:
        await Prober(reactor).ask(Probe(question, 0, 1, timeout, 1, 1), run)

    on_reactor(work())


def test_http_probes_take_any_status_from_200_to_399() -> None:
    """Others fail, with the status and the body."""
    with serving() as port:
        for status in (200, 302):
            ask(HttpGet("http", port, f"/{status}"))
        with pytest.raises(ProbeFailed, match="status 503: ku"):
            ask(HttpGet("http", port, "/503"))


def test_a_connection_is_enough_for_tcp_probes() -> None:
    """And none is not."""
    with serving() as port:
        ask(TcpSocket(port))
    with pytest.raises(ProbeFailed, match="no connection"):
        ask(TcpSocket(port))
    with pytest.raises(ProbeFailed, match="no answer"):
        ask(HttpGet("http", port, "/"))


def test_commands_succeed_with_0() -> None:
    """As everywhere."""
    ask(Command(("0",)))
    with pytest.raises(ProbeFailed, match="exit code 3"):
        ask(Command(("3",)))


def test_an_answer_that_takes_too_long_is_none() -> None:
    """Patience is the probe's timeout."""
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(ProbeFailed, match=r"within 0\.2 s"):
        ask(HttpGet("http", server.getsockname()[1], "/"), timeout=0.2)
