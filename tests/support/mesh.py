"""A whole proxy with an app behind it, and requests that its policy knows."""

from functools import cache

from attrs import frozen

from support.proxy_process import ProxyProcess, rule, token
from support.raw_client import Answer, RawClient
from support.recording_origin import RecordingOrigin


@frozen
class Mesh:
    """The real command in front of `origin`.

    The policy `orders` lets identity01 GET /public, POST, PUT and DELETE /upload, HEAD /head, `OPTIONS *`; GET /healthz
    needs no token.
    """

    proxy: ProxyProcess
    origin: RecordingOrigin

    def client(self, receive_buffer: int = 0) -> RawClient:
        return RawClient(self.proxy.ingress, receive_buffer)

    def ask(self, data: bytes, *, one_by_one: bool = False) -> list[Answer]:
        """All answers to these bytes, up to a clean end of the connection."""
        with self.client() as client:
            return client.send(data, one_by_one=one_by_one).answers()


RULES = (
    rule("public", ["GET"], "/public"),
    rule("upload", ["POST", "PUT", "DELETE", "GET"], "/upload"),
    rule("head", ["HEAD"], "/head"),
    rule("server", ["OPTIONS"], "*"),
    rule("health", ["GET"], "/healthz", pathType="Exact", unauthenticated=True),
)


@cache
def bearer() -> bytes:
    """`Authorization` of the caller that the policy knows."""
    return b"Authorization: Bearer " + token()


def request(
    target: bytes = b"/public",
    *lines: bytes,
    method: bytes = b"GET",
    version: bytes = b"HTTP/1.1",
    host: bytes | None = b"a",
    auth: bool = True,
    body: bytes = b"",
) -> bytes:
    """A request; `lines` are header lines without their end, `body` is sent as it is."""
    hosts = [] if host is None else [b"Host: " + host]
    tokens = [bearer()] if auth else []
    return b"\r\n".join([method + b" " + target + b" " + version, *hosts, *tokens, *lines, b"", body])


CANARY = request(b"/public/canary")
LAST = request(b"/public/last", b"Connection: close")
