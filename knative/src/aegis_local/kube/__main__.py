"""`python -m aegis_local.kube`: serve the embedded Kubernetes API until a signal comes."""

import argparse
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
    options = parser.parse_args(arguments)
    globalLogPublisher.addObserver(textFileLogObserver(sys.stderr))
    return ensureDeferred(_serve(reactor, options.directory, options.port, options.faults))


async def _serve(reactor: Any, directory: Path, port: int, faults: bool) -> None:
    server = await EmbeddedKubernetes.start(reactor, directory, port=port, faults=faults)
    print(server.kubeconfig, flush=True)
    stopped: Deferred[None] = Deferred()
    reactor.addSystemEventTrigger("before", "shutdown", lambda: ensureDeferred(server.stop()))
    await stopped


if __name__ == "__main__":
    react(main, sys.argv[1:])
