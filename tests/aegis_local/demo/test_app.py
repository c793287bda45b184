"""The program of a demo service."""

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from aegis_local.demo.app import Service


@contextmanager
def running(server: HTTPServer) -> Iterator[str]:
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def service(name: str, following: str = "", proxy: str = "") -> Iterator[str]:
    with running(Service(0, name, following, proxy)) as url:
        yield url


def ask(url: str, method: str = "GET", **headers: str) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers), timeout=5) as answer:
        return json.load(answer)


def test_a_service_says_who_called_and_what_the_next_one_said() -> None:
    """By the header that the sidecar sets."""
    with service("b") as following, service("a", f"{following}/") as url:
        answer = ask(f"{url}/", **{"X-Aegis-Identity": "me"})
    assert answer == {
        "service": "a",
        "path": "/",
        "caller": "me",
        "next": {"service": "b", "path": "/", "caller": None},
    }


def test_other_paths_do_not_call_the_next_one() -> None:
    """They say that they were reached; the health of a service is its own."""
    with service("a", "http://127.0.0.1:1/") as url:
        assert ask(f"{url}/admin") == {"service": "a", "path": "/admin", "caller": None}
        assert ask(f"{url}/", "POST") == {"service": "a", "path": "/", "caller": None}
        assert ask(f"{url}/healthz") == {"healthy": "a"}
        assert ask(f"{url}/")["next"] == {"failed": "URLError"}


def test_the_next_service_is_called_through_the_proxy() -> None:
    """With the whole URL in the request line, as RFC 9112 section 3.2.2 has it."""
    with service("proxy") as proxy, service("a", "http://b.demo.svc/x", proxy) as url:
        assert ask(f"{url}/")["next"] == {"service": "proxy", "path": "http://b.demo.svc/x", "caller": None}


class Refusing(BaseHTTPRequestHandler):
    """A sidecar that lets nobody in."""

    def do_GET(self) -> None:
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()


def test_a_refusal_of_the_next_one_is_told() -> None:
    """With its status."""
    with running(HTTPServer(("127.0.0.1", 0), Refusing)) as following, service("a", f"{following}/") as url:
        assert ask(f"{url}/")["next"] == {"refused": 403}
