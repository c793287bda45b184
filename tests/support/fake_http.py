"""An HTTP client of plugins whose answers a test sets beforehand."""

import json
from collections.abc import Mapping

from attrs import frozen

from aegis_idp.errors import Unavailable
from aegis_idp.http import Response


@frozen
class Sent:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    as_pod: bool


def answer(value: object, status: int = 200, **headers: str) -> Response:
    """A JSON answer. A header's name is written with underscores."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(status, {"content-type": "application/json", **named}, json.dumps(value).encode())


class FakeHttp:
    """Answers by URL, keeps what was sent, and knows of no other URL."""

    def __init__(self, answers: Mapping[str, Response], api_server: str | None = None) -> None:
        self._answers = answers
        self.api_server = api_server
        self.sent: list[Sent] = []

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] = {}, body: bytes = b"", as_pod: bool = False
    ) -> Response:
        self.sent.append(Sent(method, url, headers, body, as_pod))
        if url not in self._answers:
            raise Unavailable(f"{url}: connection refused")
        return self._answers[url]
