"""The command `aegis-proxy`."""

import argparse
import os
import sys

from aegis_proxy.settings import SettingsError, add_flags, read_settings


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; gives its exit code: 0 after a clean stop, 2 for settings that cannot be used."""
    parser = argparse.ArgumentParser(
        prog="aegis-proxy", description="The Aegis sidecar: tokens judged on the way in, attached on the way out."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    runner = commands.add_parser("run", help="run the proxy until SIGTERM")
    add_flags(runner)
    parsed = parser.parse_args(arguments)
    try:
        settings = read_settings(parsed, os.environ)
        from aegis_proxy.shell.main import run

        return run(settings)
    except SettingsError as error:
        print(f"aegis-proxy: {error}", file=sys.stderr)
        return 2
