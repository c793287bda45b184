"""The app behind every contender. It must cost so little that it never is the bottleneck."""

import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from attrs import frozen

from bench import haproxy_config, long_origin
from bench.load import Load
from bench.mesh import Mesh
from bench.peers import HAProxy, which
from bench.processes import Process
from bench.unary import ANSWER as MESSAGE
from bench.unary import CALL, Unary
from servers.processes import free_port

ANSWER = b"x" * 1024


@frozen
class Origins:
    """Ports: of the app that is `loaded`, and of one that tells what it sees of the caller; they may be the same."""

    loaded: int
    telling: int


@contextmanager
def running(load: Load, folder: Path, cores: frozenset[int]) -> Iterator[Origins]:
    """Apps that fit the load: HAProxy answers by itself what is short, nghttpd with the trailers of gRPC."""
    with ExitStack() as stack:

        def start(command: Sequence[str | Path], port: int) -> int:
            process = stack.enter_context(Process(command, folder / "origin.log", cores))
            process.wait_until(lambda: _listens(port))
            return port

        port = free_port()
        if load.unit == "GiB":
            long = start((sys.executable, long_origin.__file__, str(port)), port)
            yield Origins(long, long)
            return
        telling = start(_short(folder, port), port)
        port = free_port()
        yield Origins(start(_grpc(folder, port), port) if isinstance(load, Unary) else telling, telling)


def _short(folder: Path, port: int) -> Sequence[str | Path]:
    body, config = folder / "answer", folder / "origin.cfg"
    body.write_bytes(ANSWER)
    config.write_text(haproxy_config.origin(port, str(body)))
    return (HAProxy().program or "haproxy", "-db", "-f", config)


def _grpc(folder: Path, port: int) -> Sequence[str | Path]:
    """Every path of the mesh is a file; one that ends in CALL is a gRPC message."""
    path = folder / "files" / Mesh().path.lstrip("/")
    path.parent.mkdir(parents=True)
    path.write_bytes(ANSWER)
    path.with_name(path.name + CALL).write_bytes(MESSAGE)
    types = folder / "mime.types"
    types.write_text(f"application/grpc {CALL.removeprefix('.')}\n")
    command = (which("nghttpd") or "nghttpd", "--no-tls", "--address=127.0.0.1", f"--htdocs={folder / 'files'}")
    return (*command, f"--mime-types-file={types}", "--trailer=grpc-status: 0", str(port))


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
