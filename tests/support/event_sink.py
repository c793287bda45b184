"""An HTTP server that collects CloudEvents (binary mode) and answers them as a test wants."""

import time
from collections.abc import Callable, Mapping

from attrs import frozen

from aegis_idp.conformance.loopback import Answer, LoopbackServer, Received

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
        self._server = LoopbackServer(self._take)
        self.url = f"{self._server.url}/"

    def __enter__(self) -> "EventSink":
        self._server.__enter__()
        return self

    def __exit__(self, *ended: object) -> None:
        self._server.__exit__(*ended)

    def _take(self, delivered: Received) -> Answer:
        event = Event(delivered.headers, delivered.body)
        status = self.answer(event)
        self.events.append(event)
        return Answer(status)

    def wait_for(self, wanted: Callable[[Event], bool], seconds: float = 30.0) -> Event:
        """The first delivery that is wanted; an AssertionError with all that came when none comes in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for event in list(self.events):
                if wanted(event):
                    return event
            time.sleep(POLL_SECONDS)
        raise AssertionError(f"no such event within {seconds:.0f} s; came: {[(e.type, e.name) for e in self.events]}")
