"""The app behind every contender. It must cost so little that it never is the bottleneck."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import haproxy_config, long_origin
from bench.load import Load
from bench.peers import HAProxy
from bench.processes import Process
from servers.processes import free_port

ANSWER = b"x" * 1024


@contextmanager
def running(load: Load, folder: Path, cores: frozenset[int]) -> Iterator[int]:
    """The port of an origin that fits the load: HAProxy answers by itself what is short."""
    port = free_port()
    log = folder / "origin.log"
    if load.unit == "GiB":
        command: tuple[str | Path, ...] = (sys.executable, long_origin.__file__, str(port))
    else:
        body, config = folder / "answer", folder / "origin.cfg"
        body.write_bytes(ANSWER)
        config.write_text(haproxy_config.origin(port, str(body)))
        command = (HAProxy().program or "haproxy", "-db", "-f", config)
    with Process(command, log, cores) as process:
        process.wait_until(lambda: _listens(port))
        yield port


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
