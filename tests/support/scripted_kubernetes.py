"""An HTTP server on loopback that plays an API server from a script: it records what came, and answers in turn."""

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml
from attrs import frozen


@frozen
class Asked:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: Any


class ScriptedKubernetes:
    """Answers the queued (status, body, headers) one by one, then 404."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._answers: list[tuple[int, bytes, Mapping[str, str]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "ScriptedKubernetes":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def will_answer(self, status: int, body: object, **headers: str) -> None:
        """`body` is JSON, or the bytes themselves."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._answers.append((status, content, headers))

    def kubeconfig(self, user: Mapping[str, object]) -> str:
        """A kubeconfig, as text, of a user with these credentials."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [{"name": "u", "user": dict(user)}],
        }
        return yaml.safe_dump(config)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                target = urlsplit(self.path)
                content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = json.loads(content) if content else None
                api.asked.append(Asked(self.command, target.path, dict(parse_qsl(target.query)), headers, body))
                status, answer, more = api._answers.pop(0) if api._answers else (404, b"{}", {})
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PATCH = do_DELETE = _answer  # names by http.server

            def log_message(self, format: str, *args: object) -> None:
                """The record is in `asked`."""

        return Handler
