import pytest

from aegis_proxy.core.fields import egress_role, ingress_role
from aegis_proxy.core.ingress import Permit, head_for_app
from aegis_proxy.core.refusals import UPSTREAM_BROKEN, Refused
from aegis_proxy.core.request import Request, parse_request
from aegis_proxy.core.response import parse_response
from aegis_proxy.core.upgrade import agreed, asked_for, upgrade_fields

ASKED = {
    "websocket": (b"websocket", b"Upgrade", b"websocket"),
    "beside other options": (b"WebSocket", b"keep-alive, UPGRADE", b"WebSocket"),
    "with a version": (b"SPDY/3.1", b"upgrade", b"SPDY/3.1"),
    "tcp": (b"tcp", b"Upgrade", b"tcp"),
    "no Connection": (b"websocket", None, b""),
    "no Upgrade": (None, b"upgrade", b""),
    "Connection names something else": (b"websocket", b"keep-alive", b""),
    "two protocols": (b"websocket, tcp", b"upgrade", b""),
    "empty": (b"", b"upgrade", b""),
    "no token": (b"web socket", b"upgrade", b""),
    "U01 h2c": (b"h2c", b"Upgrade, HTTP2-Settings", b""),
    "U01 H2C": (b"H2C", b"upgrade", b""),
    "U01 behind another": (b"websocket, h2c", b"upgrade", b""),
    "U01 HTTP/2.0": (b"HTTP/2.0", b"upgrade", b""),
    "U01 TLS": (b"TLS/1.2", b"upgrade", b""),
}


@pytest.mark.parametrize(("upgrade", "connection", "asked"), ASKED.values(), ids=ASKED)
def test_what_counts_as_asking(upgrade: bytes | None, connection: bytes | None, asked: bytes) -> None:
    """One protocol, named in both fields, that is no way to speak HTTP unseen."""
    assert asked_for(upgrade, connection) == asked


def test_only_what_was_asked_for_is_agreed_to() -> None:
    """In any case of letters."""
    assert agreed(b"WebSocket", b"upgrade", b"websocket") == b"websocket"


@pytest.mark.parametrize(
    ("upgrade", "connection", "asked"),
    [
        (b"websocket", b"upgrade", b""),
        (b"tcp", b"upgrade", b"websocket"),
        (b"websocket", None, b"websocket"),
        (None, b"upgrade", b"websocket"),
        (b"websocket, tcp", b"upgrade", b"websocket"),
    ],
)
def test_any_other_agreement_is_refused_f23(upgrade: bytes | None, connection: bytes | None, asked: bytes) -> None:
    """The app and the client would speak of different things."""
    with pytest.raises(Refused) as refused:
        agreed(upgrade, connection, asked)
    assert refused.value.refusal is UPSTREAM_BROKEN


def test_the_fields_of_an_upgrade() -> None:
    """Both, whole."""
    assert upgrade_fields(b"websocket") == b"Connection: Upgrade\r\nUpgrade: websocket\r\n"


WEBSOCKET = (b"Upgrade: websocket", b"Connection: Upgrade, Sec-X", b"Sec-WebSocket-Version: 7", b"Sec-X: 1")


def parse(*lines: bytes, method: bytes = b"GET", version: bytes = b"HTTP/1.1") -> Request:
    return parse_request(b"\r\n".join([method + b" /x " + version, b"Host: a", *lines]), ingress_role, canonical=True)


def test_u04_an_upgrade_passes_on_with_its_own_fields() -> None:
    """Ours of both hop-by-hop fields; what else Connection names is gone; the version is the app's to judge."""
    request = parse(*WEBSOCKET)
    assert request.upgrade == b"websocket"
    assert head_for_app(Permit(request, None, None, None), b"10.0.0.9") == (
        b"GET /x HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Version: 7\r\nX-Forwarded-For: 10.0.0.9\r\n"
        b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    )


@pytest.mark.parametrize(
    "request_",
    [
        parse(*WEBSOCKET, version=b"HTTP/1.0"),
        parse(*WEBSOCKET, b"Content-Length: 2", method=b"POST"),
        parse(*WEBSOCKET, b"Transfer-Encoding: chunked", method=b"POST"),
        parse(*WEBSOCKET, b"Upgrade: h2c"),
    ],
    ids=["HTTP/1.0", "length", "chunked", "two"],
)
def test_what_cannot_switch_is_a_plain_request(request_: Request) -> None:
    """HTTP/1.0 knows no 101, a body would stand in the way."""
    assert request_.upgrade == b""
    assert b"pgrade" not in head_for_app(Permit(request_, None, None, None), b"10.0.0.9")


SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x"


def test_a_101_that_was_asked_for() -> None:
    """Its connection carries HTTP no more."""
    response = parse_response(SWITCH, b"GET", b"websocket")
    assert (response.status, response.upgrade, response.keep_alive) == (101, b"websocket", False)
    assert response.fields == [b"Sec-WebSocket-Accept: x"]


@pytest.mark.parametrize(
    ("head", "asked"),
    [
        (SWITCH, b""),
        (SWITCH.replace(b"websocket", b"tcp"), b"websocket"),
        (SWITCH.replace(b"HTTP/1.1", b"HTTP/1.0"), b"websocket"),
        (SWITCH + b"\r\nContent-Length: 0", b"websocket"),
        (SWITCH + b"\r\nTransfer-Encoding: chunked", b"websocket"),
        (SWITCH + b"\r\nUpgrade: tcp", b"websocket"),
    ],
    ids=["unsolicited", "another", "HTTP/1.0", "length", "chunked", "two"],
)
def test_f23_any_other_101_is_broken(head: bytes, asked: bytes) -> None:
    """502, and the connection is never used again."""
    with pytest.raises(Refused) as refused:
        parse_response(head, b"GET", asked)
    assert refused.value.refusal is UPSTREAM_BROKEN


def connect(target: bytes, *lines: bytes, canonical: bool = False, version: bytes = b"HTTP/1.1") -> Request:
    block = b"\r\n".join([b"CONNECT " + target + b" " + version, *lines])
    return parse_request(block, egress_role, canonical=canonical)


@pytest.mark.parametrize(
    ("target", "lines"),
    [
        (b"example.org:443", [b"Host: example.org:443"]),
        (b"example.org:443", [b"Host: Example.org"]),
        (b"example.org:443", []),
        (b"[2001:db8::1]:443", [b"Host: [2001:db8::1]:443"]),
    ],
)
def test_connect_names_where_it_leads(target: bytes, lines: list[bytes]) -> None:
    """The target alone decides: some clients send no Host, or one without a port."""
    request = connect(target, *lines, version=b"HTTP/1.0" if not lines else b"HTTP/1.1")
    assert (request.method, request.host, request.target) == (b"CONNECT", target, target)


@pytest.mark.parametrize(
    ("target", "lines", "code"),
    [
        (b"example.org", [], "bad_target"),
        (b":443", [], "bad_target"),
        (b"example.org:0", [], "bad_target"),
        (b"example.org:99999", [], "bad_target"),
        (b"[2001:db8::1]", [], "bad_target"),
        (b"u@example.org:443", [], "bad_target"),
        (b"http://example.org:443", [], "bad_target"),
        (b"/", [], "bad_target"),
        (b"example.org:443", [b"Host: evil:443"], "bad_host"),
        (b"example.org:443", [b"Host: example.org:80"], "bad_host"),
    ],
)
def test_connect_to_what_is_no_authority_is_refused(target: bytes, lines: list[bytes], code: str) -> None:
    """RFC 9110 section 9.3.6: host and port, and a Host that says nothing else."""
    with pytest.raises(Refused) as refused:
        connect(target, *lines)
    assert refused.value.refusal.code == code


def test_m04_connect_is_never_taken_on_the_way_in() -> None:
    """405, whatever its target."""
    with pytest.raises(Refused) as refused:
        connect(b"example.org:443", canonical=True)
    assert refused.value.refusal.status == 405
