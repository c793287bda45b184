"""`python -m aegis_webhook` serves the function over TLS; see `--help`."""

import argparse
import logging
import os
import sys
from pathlib import Path

from aegis_webhook.server import serve


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; gives its exit code."""
    environment = os.environ
    parser = argparse.ArgumentParser(prog="python -m aegis_webhook", description="The admission webhook over TLS.")
    parser.add_argument("--certificate", default=environment.get("AEGIS_TLS_CERTIFICATE", ""), help="PEM, with chain")
    parser.add_argument("--key", default=environment.get("AEGIS_TLS_KEY", ""), help="PEM")
    parser.add_argument("--host", default=environment.get("HOST", "0.0.0.0"))  # noqa: S104  # a pod's port
    parser.add_argument("--port", type=int, default=int(environment.get("AEGIS_TLS_PORT", "8443")))
    settings = parser.parse_args(arguments)
    logging.basicConfig(level=environment.get("AEGIS_LOG_LEVEL", "info").upper(), format="%(levelname)s %(message)s")
    if not settings.certificate or not settings.key:
        parser.error("--certificate and --key are needed (or AEGIS_TLS_CERTIFICATE and AEGIS_TLS_KEY)")
    try:
        serve(Path(settings.certificate), Path(settings.key), settings.host, settings.port)
    except OSError as error:
        print(f"aegis_webhook: {settings.certificate} and {settings.key} do not load: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
