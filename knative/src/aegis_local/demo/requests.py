"""Plain HTTP/1.1, byte for byte as given: a client that tidies up paths could not show what becomes of untidy ones."""

import http.client
from collections.abc import Mapping

from attrs import field, frozen

_PATIENCE = 15.0


@frozen
class Request:
    """What is sent to a service. The token never shows in a text of this value."""

    host: str
    method: str = "GET"
    path: str = "/"
    token: str | None = field(default=None, repr=False)


@frozen
class Answer:
    """What came. `challenge` is the WWW-Authenticate header; header names do not matter otherwise."""

    status: int
    challenge: str
    body: bytes


def send(request: Request, address: tuple[str, int]) -> Answer:
    """Send over a connection of its own to `address` and read the whole answer. Raises OSError, HTTPException."""
    connection = http.client.HTTPConnection(*address, timeout=_PATIENCE)
    try:
        connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in _headers(request).items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return Answer(response.status, response.headers.get("WWW-Authenticate", ""), response.read())
    finally:
        connection.close()


def _headers(request: Request) -> Mapping[str, str]:
    headers = {"Host": request.host, "User-Agent": "aegis-demo"}
    if request.method == "POST":
        headers["Content-Length"] = "0"
    if request.token is not None:
        headers["Authorization"] = f"Bearer {request.token}"
    return headers
