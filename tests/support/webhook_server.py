"""A tiny admission webhook over TLS: it records the reviews that an API server sends and answers as a test wants."""

import base64
import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from attrs import frozen

from servers.certificates import CertificateAuthority
from support.kube_client import Object

Decide = Callable[[Object], Object]
"""From the `request` of an AdmissionReview to its `response`, the uid left out."""


@frozen
class Call:
    """One call as the API server made it."""

    path: str
    request: Object


def allow(_: Object) -> Object:
    """Let it through."""
    return {"allowed": True}


def refuse(message: str, code: int = 403) -> Decide:
    """Refuse everything with that message."""
    return lambda _: {"allowed": False, "status": {"message": message, "code": code}}


def patch(*operations: Object) -> Decide:
    """Let it through, changed by a JSON Patch."""
    encoded = base64.b64encode(json.dumps(operations).encode()).decode()
    return lambda _: {"allowed": True, "patchType": "JSONPatch", "patch": encoded}


class WebhookServer:
    """Listens on loopback; `decide` may be changed between calls."""

    def __init__(self, folder: Path, decide: Decide = allow) -> None:
        ca = CertificateAuthority(folder)
        pair = ca.issue("webhook", names=["localhost"], addresses=["127.0.0.1"])
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pair.certificate, pair.key)
        self.decide = decide
        self.calls: list[Call] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._ca_bundle = base64.b64encode(ca.certificate_file.read_bytes()).decode()

    def __enter__(self) -> "WebhookServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def client_config(self, path: str) -> Object:
        """The `clientConfig` by which an API server finds this webhook."""
        return {"url": f"https://127.0.0.1:{self._server.server_port}{path}", "caBundle": self._ca_bundle}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                webhook.calls.append(Call(self.path, review["request"]))
                response = webhook.decide(review["request"]) | {"uid": review["request"]["uid"]}
                body = json.dumps({**review, "request": None, "response": response}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                # Else a connection that is kept open would answer for a server that has ended.
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet: the calls are the record."""

        return Handler
