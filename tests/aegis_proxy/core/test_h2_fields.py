import json

import pytest

from aegis_proxy.core import h2_fields
from aegis_proxy.core.fields import egress_role, ingress_role
from aegis_proxy.core.h2_fields import Malformed
from aegis_proxy.core.refusals import NO_TOKEN

BAD = {
    "u03-upper-case": (b"X-Upper", b"1"),
    "u03-empty-name": (b"", b"1"),
    "u03-space-in-name": (b"x y", b"1"),
    "u03-colon-in-name": (b"x:y", b"1"),
    "u03-crlf-in-name": (b"x\r\ny", b"1"),
    "u03-crlf-in-value": (b"x", b"1\r\ny: 2"),
    "u03-cr-in-value": (b"x", b"1\r2"),
    "u03-lf-in-value": (b"x", b"1\n2"),
    "u03-nul-in-value": (b"x", b"1\0"),
    "u03-del-in-value": (b"x", b"1\x7f2"),
    "u03-space-before": (b"x", b" 1"),
    "u03-tab-behind": (b"x", b"1\t"),
    "u03-only-space": (b"x", b" "),
    "u03-connection": (b"connection", b"close"),
    "u03-keep-alive": (b"keep-alive", b"1"),
    "u03-proxy-connection": (b"proxy-connection", b"close"),
    "u03-transfer-encoding": (b"transfer-encoding", b"chunked"),
    "u03-upgrade": (b"upgrade", b"h2c"),
    "u03-te": (b"te", b"gzip"),
}


@pytest.mark.parametrize(("name", "value"), BAD.values(), ids=BAD)
def test_fields_that_no_message_may_hold(name: bytes, value: bytes) -> None:
    """RFC 9113 section 8.2, and what would be another message once it is sent on by HTTP/1.1."""
    with pytest.raises(Malformed):
        h2_fields.check(name, value)
    with pytest.raises(Malformed):
        h2_fields.trailers([(name, value)], egress_role)


@pytest.mark.parametrize("value", [b"", b"a", b"a b\tc", b"\x80\xff", b"a:b"])
def test_fields_that_pass(value: bytes) -> None:
    """Any other bytes, within."""
    h2_fields.check(b"x-!#$%&'*+.^_`|~0", value)
    h2_fields.check(b"te", b"trailers")


KNOWN = frozenset({b":method", b":path"})


def test_pseudo_header_fields_come_first() -> None:
    """They are told from the others."""
    fields = [(b":path", b"/"), (b":method", b"GET"), (b"x", b"1")]
    assert h2_fields.split_pseudo(fields, KNOWN) == ({b":path": b"/", b":method": b"GET"}, [(b"x", b"1")])


@pytest.mark.parametrize(
    "fields",
    [
        [(b":path", b"/"), (b":path", b"/")],
        [(b":status", b"200")],
        [(b":path", b"/ ")],
        [(b":path", b"/\r\n")],
    ],
    ids=["u03-duplicate", "unknown", "space-behind", "crlf"],
)
def test_pseudo_header_fields_that_are_none(fields: list[tuple[bytes, bytes]]) -> None:
    """Unknown, malformed, or twice."""
    with pytest.raises(Malformed):
        h2_fields.split_pseudo(fields, KNOWN)


def test_a_pseudo_header_field_behind_others_is_none() -> None:
    """It is a field with a name that no field may have."""
    _, rest = h2_fields.split_pseudo([(b":path", b"/"), (b"x", b"1"), (b":method", b"GET")], KNOWN)
    with pytest.raises(Malformed):
        h2_fields.check(*rest[1])


def test_trailers_that_pass() -> None:
    """Not those that frame, route or identify."""
    trailers = [(b"grpc-status", b"0"), (b"content-length", b"1"), (b"x-aegis-identity", b"x"), (b"forwarded", b"a")]
    assert h2_fields.trailers(trailers, ingress_role) == [(b"grpc-status", b"0")]


def test_an_http1_head_becomes_a_header_section() -> None:
    """The same request: authority, path, fields in lower case, without what only concerned the connection."""
    head = (
        b"POST /a?b=c HTTP/1.1\r\nHost: shop:80\r\nX-One:  1 \r\nTE: trailers\r\nX-Empty:\r\n"
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\nX-Aegis-Identity: me\r\n\r\n"
    )
    assert h2_fields.of_request(head) == [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":authority", b"shop:80"),
        (b":path", b"/a?b=c"),
        (b"x-one", b"1"),
        (b"te", b"trailers"),
        (b"x-empty", b""),
        (b"content-length", b"3"),
        (b"x-aegis-identity", b"me"),
    ]


def test_an_http1_response_becomes_a_header_section() -> None:
    """Status and fields."""
    assert h2_fields.of_response(404, [b"X-Y: z", b"Connection: close"]) == [(b":status", b"404"), (b"x-y", b"z")]


def test_a_refusal_is_the_answer_of_http1() -> None:
    """With its challenge and its decision id; without a body to HEAD."""
    fields, body = h2_fields.of_refusal(NO_TOKEN, "abc", head_only=False)
    assert fields == [
        (b":status", b"401"),
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"www-authenticate", b'Bearer realm="aegis"'),
    ]
    assert json.loads(body) == {"status": 401, "error": "unauthorized", "decision": "abc"}
    assert h2_fields.of_refusal(NO_TOKEN, "abc", head_only=True) == (fields, b"")
