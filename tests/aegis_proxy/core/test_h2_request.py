import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_proxy.core import fields as field
from aegis_proxy.core.fields import egress_role, ingress_role
from aegis_proxy.core.h2_fields import Malformed, of_request
from aegis_proxy.core.h2_request import BodyCount, body_count, parse_h2_request
from aegis_proxy.core.head import MAX_FIELDS
from aegis_proxy.core.ingress import Permit, head_for_app
from aegis_proxy.core.refusals import Refused
from aegis_proxy.core.request import Body, Request, parse_request

Pairs = list[tuple[bytes, bytes]]

GET: Pairs = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"shop:80"), (b":path", b"/public")]


def pseudo(**values: bytes | None) -> Pairs:
    """Those of GET, with these values; None leaves one away."""
    changed = {**dict(GET), **{b":" + name.encode(): value for name, value in values.items()}}
    return [(name, value) for name, value in changed.items() if value is not None]


def parse(fields: Pairs, *, canonical: bool = True, ended: bool = True) -> Request:
    return parse_h2_request(fields, ingress_role if canonical else egress_role, canonical=canonical, ended=ended)


def refusal(fields: Pairs, **how: bool) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        parse(fields, **how)
    assert not isinstance(caught.value, Malformed)
    return caught.value.refusal.status, caught.value.reason


def test_a_request_is_the_same_as_by_http1() -> None:
    """The same value as the parser of HTTP/1.1 makes of the same request, but for the case of names."""
    extra = [(b"x-one", b"1"), (b"authorization", b"Bearer t"), (b"accept", b"*/*"), (b"x-aegis-identity", b"x")]
    head = b"GET /public/%61?q=1 HTTP/1.1\r\nHost: shop:80\r\n" + b"\r\n".join(b"%b: %b" % pair for pair in extra)
    assert parse(pseudo(path=b"/public/%61?q=1") + extra) == parse_request(head, ingress_role, canonical=True)


def test_a_body_is_framed_by_its_length_or_its_end() -> None:
    """With a length, without one, with a length of nothing, and none at all."""
    post = pseudo(method=b"POST")
    length = [*post, (b"content-length", b"5")]
    assert parse(length, ended=False)[5:7] == (Body.LENGTH, 5)
    assert parse(post, ended=False)[5:7] == (Body.CHUNKED, 0)
    assert parse([*post, (b"content-length", b"0")], ended=False)[5:7] == (Body.NONE, 0)
    assert parse([*post, (b"content-length", b"0")])[5:7] == (Body.NONE, 0)
    assert parse(post)[5:7] == (Body.NONE, 0)


def test_u03_cookie_crumbs_are_one_cookie() -> None:
    """RFC 9113 section 8.2.3."""
    crumbs = [(b"cookie", b"a=1"), (b"x", b"y"), (b"cookie", b"b=2")]
    assert parse(GET + crumbs).fields == [b"x: y", b"cookie: a=1; b=2"]


def test_te_expect_and_asterisk_are_as_in_http1() -> None:
    """TE: trailers passes; an expectation does where there is a body; OPTIONS may ask for the server."""
    request = parse([*GET, (b"te", b"trailers"), (b"expect", b"100-continue")], ended=False)
    assert request.fields == [b"TE: trailers"]
    assert request.expects_continue
    assert not parse([*GET, (b"expect", b"100-Continue")]).expects_continue
    assert parse(pseudo(method=b"OPTIONS", path=b"*")).path == b"*"
    assert parse([*pseudo(authority=None), (b"host", b"shop")]).host == b"shop"
    assert parse([*GET, (b"host", b"SHOP")]).host == b"shop:80"
    assert parse(pseudo(scheme=b"https")).host == b"shop:80"


MALFORMED = {
    "u03-no-method": pseudo(method=None),
    "u03-method-no-token": pseudo(method=b"G T"),
    "u03-no-scheme": pseudo(scheme=None),
    "u03-other-scheme": pseudo(scheme=b"ftp"),
    "u03-no-path": pseudo(path=None),
    "u03-empty-path": pseudo(path=b""),
    "u03-path-with-space": pseudo(path=b"/public x"),
    "u03-path-absolute": pseudo(path=b"http://shop/public"),
    "u03-path-asterisk": pseudo(path=b"*"),
    "u03-path-obs-text": pseudo(path=b"/\xff"),
    "u03-path-crlf": pseudo(path=b"/a HTTP/1.1\r\nX: y"),
    "u03-duplicate-pseudo": [*GET, (b":path", b"/admin")],
    "u03-pseudo-behind-fields": [*GET[:3], (b"x", b"1"), GET[3]],
    "u03-protocol": [*GET, (b":protocol", b"websocket")],
    "u03-status": [*GET, (b":status", b"200")],
    "u03-host-differs": [*GET, (b"host", b"admin")],
    "u03-two-hosts": [*pseudo(authority=None), (b"host", b"a"), (b"host", b"a")],
    "u03-transfer-encoding": [*GET, (b"transfer-encoding", b"chunked")],
    "u03-connection": [*GET, (b"connection", b"x")],
    "u03-upper-case": [*GET, (b"X-Y", b"1")],
    "u03-crlf": [*GET, (b"x", b"1\r\nTransfer-Encoding: chunked")],
    "u03-length-no-number": [*GET, (b"content-length", b"+1")],
    "u03-two-lengths": [*GET, (b"content-length", b"0"), (b"content-length", b"0")],
    "u03-length-without-body": [*GET, (b"content-length", b"5")],
}


@pytest.mark.parametrize("fields", MALFORMED.values(), ids=MALFORMED)
def test_u03_what_is_malformed(fields: Pairs) -> None:
    """RFC 9113 section 8.1.1: no message of HTTP."""
    with pytest.raises(Malformed):
        parse(fields)


def test_what_http1_refuses_is_refused() -> None:
    """With the same status and reason."""
    assert refusal(pseudo(method=b"CONNECT", path=None, scheme=None)) == (405, "connect_refused")
    assert refusal(pseudo(method=b"TRACE")) == (405, "trace_refused")
    assert refusal(pseudo(path=b"/a%5cb")) == (400, "ambiguous_path")
    assert refusal(pseudo(path=b"/a#b"), canonical=False) == (400, "bad_target")
    assert refusal(pseudo(path=b"/" + b"a" * 16_384)) == (414, "target_too_long")
    assert refusal(pseudo(authority=None)) == (400, "bad_host")
    assert refusal(pseudo(authority=b"user@shop")) == (400, "bad_host")
    assert refusal([*GET, (b"content_length", b"1")]) == (400, "bad_header")
    assert refusal([*GET, (b"authorization", b"a"), (b"authorization", b"a")]) == (400, "two_credentials")
    assert refusal([*GET, (b"expect", b"x")]) == (417, "bad_expectation")
    assert refusal(GET + [(b"x", b"y")] * (MAX_FIELDS + 1)) == (431, "head_too_large")
    assert len(parse(GET + [(b"x", b"y")] * MAX_FIELDS).fields) == MAX_FIELDS


@pytest.mark.parametrize(
    ("length", "pieces", "good"),
    [
        (None, [(5, False), (0, True)], True),
        (5, [(2, False), (3, True)], True),
        (5, [(5, False), (0, True)], True),
        (5, [(6, False)], False),
        (5, [(4, True)], False),
        (0, [(0, True)], True),
        (0, [(1, False)], False),
    ],
)
def test_u03_a_body_is_held_to_its_length(length: int | None, pieces: list[tuple[int, bool]], good: bool) -> None:
    """Neither longer nor shorter."""
    count = BodyCount(length)
    for size, ended in pieces[:-1]:
        count.add(size, ended)
    if good:
        count.add(*pieces[-1])
    else:
        with pytest.raises(Malformed):
            count.add(*pieces[-1])


def test_a_request_says_how_long_its_body_is() -> None:
    """Any length without a Content-Length, none where there is no body."""
    body_count(parse(GET, ended=False)).add(1 << 40, True)
    with pytest.raises(Malformed):
        body_count(parse([*GET, (b"content-length", b"0")], ended=False)).add(1, True)


NAMES = st.sampled_from([b"x-a", b"accept", b"cookie", b"te", b"host", b"content-length", b"user-agent", b"X", b"a b"])
VALUES = st.one_of(st.sampled_from([b"", b"trailers", b"0", b"3", b"shop"]), st.binary(max_size=6))


@settings(max_examples=300)
@given(st.lists(st.tuples(NAMES, VALUES), max_size=6), st.binary(max_size=8), st.booleans())
def test_what_passes_is_one_request_of_http1_too(extra: Pairs, tail: bytes, ended: bool) -> None:
    """Refused, or sent on as a head that the parser of HTTP/1.1 reads as the same request, as does HTTP/2 again."""
    try:
        request = parse(pseudo(path=b"/public/" + tail) + extra, ended=ended)
    except Refused:
        return
    head = head_for_app(Permit(request, None, None, None), b"192.0.2.1")
    again = parse_request(head[:-4], ingress_role, canonical=True)
    assert (again.method, again.target, again.host) == (request.method, request.target, request.host)
    assert (again.body, again.length) == (request.body, request.length)
    kept = [line for line in request.fields if field.ingress_role(line.partition(b":")[0]) == field.PASS]
    assert [line for line in again.fields if not line.startswith(b"X-Forwarded-For")][: len(kept)] == kept
    # A request without a body ends with its header section, however it came: `content-length: 0` need not.
    ends = request.body is Body.NONE
    once_more = parse_h2_request(of_request(head), ingress_role, canonical=True, ended=ends)
    assert (once_more.target, once_more.host, once_more.body) == (request.target, request.host, request.body)
