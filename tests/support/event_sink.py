"""An HTTP server that collects CloudEvents (binary mode) and answers them as a test wants."""

import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from attrs import frozen

POLL_SECONDS = 0.02


@frozen
class Event:
    """One delivery: a retried event is delivered more than once, with the same id."""

    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def type(self) -> str:
        """The CloudEvents attribute `type`."""
        return self.headers.get("ce-type", "")

    @property
    def id(self) -> str:
        """The CloudEvents attribute `id`."""
        return self.headers.get("ce-id", "")

    @property
    def name(self) -> str:
        """The name of the object that an ApiServerSource event is about."""
        return self.headers.get("ce-name", "")


class EventSink:
    """Collects the events posted to `url`; `answer` gives the status for each, 204 by default."""

    def __init__(self, answer: Callable[[Event], int] = lambda _: 204) -> None:
        self.answer = answer
        self.events: list[Event] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_SECONDS,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> "EventSink":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait_for(self, wanted: Callable[[Event], bool], seconds: float = 30.0) -> Event:
        """The first delivery that is wanted; an AssertionError with all that came when none comes in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for event in list(self.events):
                if wanted(event):
                    return event
            time.sleep(POLL_SECONDS)
        raise AssertionError(f"no such event within {seconds:.0f} s; came: {[(e.type, e.name) for e in self.events]}")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                event = Event({name.lower(): value for name, value in self.headers.items()}, body)
                status = sink.answer(event)
                sink.events.append(event)
                self.send_response(status)
                if status != 204:
                    self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """The sink is quiet: its events are the record."""

        return Handler
