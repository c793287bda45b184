"""`python -m aegis_local.kube`: serve the embedded Kubernetes API until a signal comes."""

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import react
from twisted.logger import globalLogPublisher, textFileLogObserver

from aegis_local.kube.embedded import EmbeddedKubernetes


def main(reactor: Any, *arguments: str) -> Deferred[None]:
    parser = argparse.ArgumentParser(prog="python -m aegis_local.kube", description=__doc__)
    parser.add_argument("--directory", type=Path, required=True, help="where kubeconfig and ca.crt are written")
    parser.add_argument("--port", type=int, default=0, help="the port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--faults", action="store_true", help="serve POST /debug/faults, for tests of clients")
    parser.add_argument(
        "--service",
        type=_service,
        action="append",
        default=[],
        metavar="NAMESPACE/NAME:PORT=HOST:PORT",
        help="where a webhook's Service is reached; can be repeated",
    )
    options = parser.parse_args(arguments)
    globalLogPublisher.addObserver(textFileLogObserver(sys.stderr))
    return ensureDeferred(_serve(reactor, options))


def _service(text: str) -> tuple[tuple[str, str, int], tuple[str, int]]:
    found = re.fullmatch(r"([^/]+)/([^:]+):(\d+)=(.+):(\d+)", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAMESPACE/NAME:PORT=HOST:PORT")
    namespace, name, port, host, host_port = found.groups()
    return (namespace, name, int(port)), (host, int(host_port))


async def _serve(reactor: Any, options: argparse.Namespace) -> None:
    services = dict(options.service)

    def resolve(namespace: str, name: str, port: int) -> tuple[str, int]:
        if (namespace, name, port) not in services:
            raise LookupError(f'service "{name}" not found')
        address: tuple[str, int] = services[(namespace, name, port)]
        return address

    server = await EmbeddedKubernetes.start(
        reactor, options.directory, port=options.port, resolve_service=resolve, faults=options.faults
    )
    print(server.kubeconfig, flush=True)
    stopped: Deferred[None] = Deferred()
    reactor.addSystemEventTrigger("before", "shutdown", lambda: ensureDeferred(server.stop()))
    await stopped


if __name__ == "__main__":
    react(main, sys.argv[1:])
