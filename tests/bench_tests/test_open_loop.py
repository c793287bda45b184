import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from bench.load import Target
from bench.mesh import Mesh
from bench.open_loop import OpenLoop, percentile, whole_length
from bench.processes import BenchError


def test_percentiles() -> None:
    """The least value that so many percent do not exceed."""
    values = [float(number) for number in range(1, 201)]
    assert (percentile(values, 50), percentile(values, 99), percentile([7.0], 99)) == (100.0, 198.0, 7.0)


def test_an_answer_says_how_long_it_is() -> None:
    """Its head and its body."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    assert whole_length(head + b"he") == len(head) + 5


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 5\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n"]
)
def test_bad_answers_are_no_measurement(answer: bytes) -> None:
    """A refusal is cheaper than an answer from the app."""
    with pytest.raises(BenchError, match="wanted 200 with its length"):
        whole_length(answer)


def test_a_slow_answer_delays_what_comes_behind_it(tmp_path: Path) -> None:
    """All requests that were due while the only connection was busy are late, not only the one that was slow."""

    class Slow(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        asked = 0

        def do_GET(self) -> None:
            type(self).asked += 1
            if type(self).asked == 25:
                time.sleep(0.5)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        load = OpenLoop(rate=20, connections=1, seconds=2)
        done = load.run(Target(server.server_port, Mesh(), tmp_path))
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
    assert done.units == 40
    assert done.p50 is not None
    assert done.p99 is not None
    assert done.p99 >= 400
    late = 0.5 * 20  # requests were due within the half second, each of them late by what was left of it
    assert late > 40 - 40 * 0.99
