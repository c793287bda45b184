"""`python -m aegis_reconcile` serves the function under functions-framework, on HOST:PORT (0.0.0.0:8080)."""

import logging
import os

from functions_framework import create_app
from functions_framework._http import create_server

from aegis_reconcile import entry


def main() -> None:
    logging.basicConfig(level=os.environ.get("AEGIS_LOG_LEVEL", "info").upper(), format="%(levelname)s %(message)s")
    app = create_app("reconcile", entry.__file__, "http")  # type: ignore[no-untyped-call]  # ships no types
    server = create_server(app, debug=False)  # type: ignore[no-untyped-call]  # ships no types
    host = os.environ.get("HOST", "0.0.0.0")  # noqa: S104  # a container's port is its pod's
    server.run(host, int(os.environ.get("PORT", "8080")))


if __name__ == "__main__":
    main()
