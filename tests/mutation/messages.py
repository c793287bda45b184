"""The well-formed messages that mutants are made of."""

from collections.abc import Sequence

CANARY = b"/public/canary"
# Stands for the token while mutants are made: they would hardly hit anything else than its hundreds of bytes.
_TOKEN = b"Bearer good"


def with_token(message: bytes, token: bytes) -> bytes:
    return message.replace(_TOKEN, b"Bearer " + token)


def _requests() -> Sequence[bytes]:
    authorization = b"Authorization: " + _TOKEN
    get = b"GET %b HTTP/1.1\r\nHost: a\r\n" + authorization + b"\r\n%b\r\n"
    post = b"POST %b HTTP/1.1\r\nHost: a\r\n" + authorization + b"\r\n%b\r\n"
    hello = b"5\r\nhello\r\n0\r\n\r\n"
    return (
        get % (b"/public", b""),
        get % (b"/public/a/b?c=d&e=%20", b"Accept: */*\r\nX-Trace: 1\r\n"),
        get % (b"/public/caf%C3%A9/x;v=1", b""),
        get % (b"/raw/group%2Fproject", b""),
        get % (b"http://a/public/x", b""),
        get % (b"/public", b"Connection: close\r\n"),
        get
        % (b"/public", b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
        b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /public HTTP/1.0\r\nHost: a\r\n" + authorization + b"\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n" + authorization + b"\r\n\r\n",
        b"HEAD /public HTTP/1.1\r\nHost: a\r\n" + authorization + b"\r\n\r\n",
        post % (b"/public/form", b"Content-Length: 5\r\n") + b"hello",
        post % (b"/public/form", b"Content-Length: 5\r\n") + b"hello" + get % (CANARY, b""),
        post % (b"/public/form", b"Transfer-Encoding: chunked\r\n") + hello,
        post % (b"/public/form", b"Transfer-Encoding: chunked\r\n") + hello + get % (CANARY, b""),
        post % (b"/public/form", b"Transfer-Encoding: chunked\r\nTrailer: X\r\n")
        + b"3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n",
        post % (b"/public/form", b"Content-Length: 5\r\nExpect: 100-continue\r\n") + b"hello",
        get % (b"/public/1", b"") + get % (b"/admin", b"") + get % (b"/public/3", b""),
        post % (b"/admin", b"Content-Length: 5\r\n") + b"hello" + get % (CANARY, b""),
    )


# Requests that the policy of the mesh under test allows, some with others behind them. `with_token` completes them.
REQUESTS = _requests()

_BODY = b"hello, here is a body"
_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
RESPONSES: Sequence[bytes] = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n" + _BODY,
    b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 21\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n" + _BODY,
    _CHUNKED + b"\r\n15\r\n" + _BODY + b"\r\n0\r\n\r\n",
    _CHUNKED + b"Trailer: X\r\n\r\n5;a=b\r\nhello\r\n10\r\n, here is a body\r\n0\r\nX: y\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 21\r\nETag: \"x\"\r\n\r\n",
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n" + _BODY,
    b"HTTP/1.0 200 OK\r\nContent-Length: 21\r\n\r\n" + _BODY,
    b"HTTP/1.0 200 OK\r\n\r\n" + _BODY,
    b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n" + _BODY,
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n" + _BODY,
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nframes",
    b"HTTP/1.1 302 Found\r\nLocation: http://b/x\r\nContent-Length: 2\r\nX-Aegis-Identity: admin\r\n\r\nok",
    b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\nConnection: set-cookie, close\r\nSet-Cookie: a=b\r\n\r\nno",
)  # fmt: skip

_OWN = b"Authorization: Basic b3duOm93bg==\r\n"
_OUT = b"GET %b HTTP/1.1\r\nHost: %b\r\n%b\r\n"
_CONNECT = b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n"
_LEAVING = _OUT % (b"/canary", b"outside.example", b"")
# What an app sends to the egress port; some of it is refused. The names are those of `outbound.NAMES`.
OUTBOUND: Sequence[bytes] = (
    _OUT % (b"/a/b?c=d&e=%20", b"orders.shop.svc", b"Accept: */*\r\nX-Trace: 1\r\n"),
    _OUT % (b"/a/../b//c;d", b"Orders:80", b""),
    _OUT % (b"/", b"orders.shop.svc.cluster.local.", b""),
    _OUT % (b"/", b"billing:8080", b""),
    _OUT % (b"/", b"orders.shop.svc.evil.example", b""),
    _OUT % (b"/", b"outside.example", _OWN),
    _OUT % (b"/", b"orders", _OWN),
    _OUT % (b"/", b"partner.example", b""),
    _OUT % (b"/latest/meta-data/", b"169.254.169.254", b""),
    _OUT % (b"/", b"metadata.example", b""),
    _OUT % (b"/", b"self.example:3128", b""),
    _OUT % (b"/", b"[::1]:3128", b""),
    _OUT % (b"/", b"[::ffff:10.0.0.1]:81", b""),
    _OUT % (b"http://orders.shop.svc/x?y", b"orders.shop.svc", b""),
    _OUT % (b"http://outside.example:8080/x", b"outside.example:8080", b"Proxy-Connection: keep-alive\r\n"),
    _OUT % (b"http://orders/x", b"billing", b""),
    _OUT % (b"/ws", b"orders", b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIA==\r\n"),
    _OUT % (b"/1", b"orders", b"") + _OUT % (b"/2", b"billing", b"") + _LEAVING,
    b"OPTIONS * HTTP/1.1\r\nHost: orders\r\n\r\n",
    b"GET /x HTTP/1.0\r\nHost: orders\r\n\r\n",
    b"POST /x HTTP/1.1\r\nHost: orders\r\nContent-Length: 5\r\n\r\nhello" + _LEAVING,
    b"POST /x HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + _LEAVING,
    _CONNECT % (b"outside.example:443", b"outside.example:443") + b"\x16\x03\x01 client hello",
    _CONNECT % (b"orders:443", b"orders") + _LEAVING,
    _CONNECT % (b"10.0.0.9:443", b"10.0.0.9:443") + b"tunnelled",
    _CONNECT % (b"[::1]:443", b"[::1]:443"),
    _CONNECT % (b"169.254.169.254:443", b"169.254.169.254:443") + _LEAVING,
    _CONNECT % (b"orders:80", b"orders:80"),
)  # fmt: skip
