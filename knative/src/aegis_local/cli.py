"""The command `aegis-local`."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.python.failure import Failure

from aegis_local.client.errors import ApiRefused, ApiUnreachable
from aegis_local.demo.show import Show
from aegis_local.machine import Machine
from aegis_local.manifests import ManifestError, checkout
from aegis_local.reactors import Reactor, installed
from aegis_local.waiting import TooLate

_INTERRUPTED = 130

_USE = """
  export KUBECONFIG={kubeconfig}
  kubectl get identities,ingresspolicies,pods -A
{more}
  logs of all containers: {logs}

Ctrl-C ends it."""

_USE_DEMO = """  kubectl edit ingresspolicy chain03 -n demo
  TOKEN=$(kubectl create token visitor -n demo --audience chain01.demo.svc)
  curl -i -H "Host: chain01.demo.svc" -H "Authorization: Bearer $TOKEN" http://127.0.0.1:{port}/"""


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; gives its exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        manifests = parsed.manifests or checkout()
    except ManifestError as error:
        print(f"aegis-local: {error}", file=sys.stderr)
        return 2
    state = Path(parsed.state or tempfile.mkdtemp(prefix="aegis-")).resolve()
    _log_to_stderr(LogLevel.info if parsed.verbose else LogLevel.error)
    reactor = installed()
    machine = Machine(reactor, state, lambda text: say(f"  {text}"))
    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(machine.stop()))
    work = _demo if parsed.command == "demo" else _up
    code = _run(reactor, lambda: work(machine, manifests, parsed))
    if code in (0, _INTERRUPTED) and not parsed.state:
        shutil.rmtree(state, ignore_errors=True)
    elif code:
        say(f"what is left of this run lies in {state}")
    return code


def say(text: str) -> None:
    """Print a line at once, whoever reads it."""
    print(text, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="aegis-local",
        description="Runs the manifests of Aegis on this machine, without a cluster and without root.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start the API, the functions and the event sources; pods run as processes")
    demo = commands.add_parser("demo", help="show the mesh at work with three services, and check each claim")
    demo.add_argument("--keep", action="store_true", help="leave it up afterwards, until Ctrl-C")
    for command in (up, demo):
        command.add_argument(
            "--manifests", type=Path, metavar="DIR", help="with crds/ and knative/ (default: this checkout)"
        )
        command.add_argument("--state", metavar="DIR", help="for logs and volumes (default: a new temporary folder)")
        command.add_argument("--verbose", action="store_true", help="also log what the parts of it do")
    up.add_argument("--port", type=int, default=0, help="of the Kubernetes API (default: a free one)")
    return parser


async def _up(machine: Machine, manifests: Path, parsed: argparse.Namespace) -> int:
    try:
        await machine.start(manifests, port=parsed.port)
    except (TooLate, ApiRefused, ApiUnreachable, ManifestError) as error:
        say(f"aegis-local: {error}")
        return 1
    _print_use(machine, "")
    await Deferred()
    return 0


async def _demo(machine: Machine, manifests: Path, parsed: argparse.Namespace) -> int:
    show = Show(machine, say, sys.stdout.isatty())
    passed = await show.run(manifests)
    if parsed.keep and show.entrance is not None:
        _print_use(machine, _USE_DEMO.format(port=show.entrance))
        await Deferred()
    return 0 if passed else 1


def _print_use(machine: Machine, more: str) -> None:
    say("\nThe mesh is up. In another terminal:")
    say(_USE.format(kubeconfig=machine.kubernetes.kubeconfig, logs=machine.state / "logs", more=more))


def _run(reactor: Reactor, work: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run the reactor until `work` is done or a signal comes."""
    codes = [_INTERRUPTED]

    def done(result: int | Failure) -> None:
        if isinstance(result, Failure):
            result.printTraceback(sys.stderr)
            codes[0] = 1
        else:
            codes[0] = result
        reactor.stop()

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(work()).addBoth(done))
    reactor.run()
    return codes[0]


def _log_to_stderr(level: Any) -> None:
    observer = FilteringLogObserver(textFileLogObserver(sys.stderr), [LogLevelFilterPredicate(level)])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
