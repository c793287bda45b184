"""The program of a demo service, on the standard library alone.

`GET /` answers who called and what the next service answered; every other path answers that it was reached. NAME is the
service's name, NEXT the next one's URL or empty, HTTP_PROXY where the sidecar takes requests that go out.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_PATIENCE = 10.0


class Service(ThreadingHTTPServer):
    """Serves on a loopback port; `proxy` may be empty for none."""

    def __init__(self, port: int, name: str, following: str, proxy: str) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.name = name
        self.following = following
        handler = urllib.request.ProxyHandler({"http": proxy} if proxy else {})
        self._opener = urllib.request.build_opener(handler)

    def ask_next(self) -> Any:
        """What the next service answered: its JSON, or the status of a refusal."""
        try:
            with self._opener.open(self.following, timeout=_PATIENCE) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            with refusal:
                return {"refused": refusal.code}
        except OSError as error:
            return {"failed": type(error).__name__}


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: Service

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._answer({"healthy": self.server.name})
            return
        answer = {"service": self.server.name, "path": self.path, "caller": self.headers.get("X-Aegis-Identity")}
        if self.path == "/" and self.server.following:
            answer["next"] = self.server.ask_next()
        self._answer(answer)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer({"service": self.server.name, "path": self.path, "caller": self.headers.get("X-Aegis-Identity")})

    def _answer(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(environment: Mapping[str, str]) -> None:
    """Serve until the process ends."""
    port, name = int(environment["PORT"]), environment["NAME"]
    with Service(port, name, environment.get("NEXT", ""), environment.get("HTTP_PROXY", "")) as service:
        sys.stderr.write(f"{name} serves on port {port}\n")
        service.serve_forever()


if __name__ == "__main__":
    main(os.environ)
