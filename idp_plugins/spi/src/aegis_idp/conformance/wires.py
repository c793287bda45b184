"""HTTP clients that stand between a plugin and its server: they count, fail, or wait."""

from collections.abc import Callable, Coroutine, Generator, Mapping
from typing import Any, TypeVar

from attrs import frozen

from aegis_idp.http import Http, Response

T = TypeVar("T")


@frozen
class Sent:
    """A request as the plugin made it."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    as_pod: bool


class Tapped:
    """Passes requests on and keeps them in `sent`; the one with the number `at` is answered by `fault` instead.

    With `late` that one reaches the server as well, and what it did stays done.
    """

    def __init__(
        self, http: Http, at: int = -1, fault: Callable[[Sent], Response] | None = None, *, late: bool = False
    ) -> None:
        self._http = http
        self._at = at
        self._fault = fault
        self._late = late
        self.sent: list[Sent] = []

    @property
    def api_server(self) -> str | None:
        return self._http.api_server

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] = {}, body: bytes = b"", as_pod: bool = False
    ) -> Response:
        sent = Sent(method, url, headers, body, as_pod)
        self.sent.append(sent)
        faulty = self._fault is not None and len(self.sent) - 1 == self._at
        if not faulty or self._late:
            answer = await self._http.request(method, url, headers=headers, body=body, as_pod=as_pod)
        return self._fault(sent) if faulty and self._fault else answer


class _Pause:
    def __await__(self) -> Generator[None, None, None]:
        yield


class Pausing:
    """Lets the coroutine that asks pause before each request, as on a reactor."""

    def __init__(self, http: Http) -> None:
        self._http = http

    @property
    def api_server(self) -> str | None:
        return self._http.api_server

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] = {}, body: bytes = b"", as_pod: bool = False
    ) -> Response:
        await _Pause()
        return await self._http.request(method, url, headers=headers, body=body, as_pod=as_pod)


def in_turns(*questions: Coroutine[Any, Any, T]) -> list[T]:
    """The answers of coroutines that use a `Pausing` client, each going on to its next pause in turn."""
    answers: dict[int, T] = {}
    while len(answers) < len(questions):
        for index, question in enumerate(questions):
            if index not in answers:
                try:
                    question.send(None)
                except StopIteration as answer:
                    answers[index] = answer.value
    return [answers[index] for index in range(len(questions))]


class Cancelled(Exception):  # named by what happened, as in aegis_idp.errors
    """What a reactor throws into a coroutine that nobody waits for any more."""


def cancel(question: Coroutine[Any, Any, object], pause: int) -> None:
    """Throws Cancelled into `question`, which uses a `Pausing` client, at its pause number `pause`.

    What the coroutine raises then comes out of this call. Raises LookupError if it ends before, or goes on.
    """
    try:
        for _ in range(pause + 1):
            question.send(None)
        question.throw(Cancelled())
    except StopIteration:
        raise LookupError(f"it ended before its pause {pause}, or without heed of the cancellation") from None
    finally:
        question.close()
