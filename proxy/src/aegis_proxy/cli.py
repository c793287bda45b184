"""The command `aegis-proxy`."""

import argparse
import os
import sys

from aegis_proxy import flags, redirect
from aegis_proxy.settings import SettingsError


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; gives its exit code: 0 after a clean end, 1 for a failure, 2 for unusable settings."""
    parser = argparse.ArgumentParser(
        prog="aegis-proxy", description="The Aegis sidecar: tokens judged on the way in, attached on the way out."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    flags.add_flags(commands.add_parser("run", help="run the proxy until SIGTERM"))
    redirect.add_flags(commands.add_parser("redirect", help="turn a pod's traffic to its proxy, and end"))
    parsed = parser.parse_args(arguments)
    try:
        return _redirect(parsed) if parsed.command == "redirect" else _run(parsed)
    except SettingsError as error:
        print(f"aegis-proxy: {error}", file=sys.stderr)
        return 2
    except redirect.RedirectError as error:
        print(f"aegis-proxy: {error}", file=sys.stderr)
        return 1


def _run(parsed: argparse.Namespace) -> int:
    read = flags.read_settings(parsed, os.environ)
    from aegis_proxy.shell.transports_without_tls import load_transports

    load_transports()
    from aegis_proxy.shell.main import run  # the reactor is chosen there, and `redirect` needs none

    return run(read)


def _redirect(parsed: argparse.Namespace) -> int:
    redirect.redirect(redirect.read_redirection(parsed))
    return 0
