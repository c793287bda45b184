import pytest

from aegis_proxy.core.h2_events import Fields
from aegis_proxy.core.h2_fields import Malformed
from aegis_proxy.core.h2_response import body_count, parse_h2_response
from aegis_proxy.core.head import MAX_FIELDS
from aegis_proxy.core.refusals import UPSTREAM_BROKEN, Refused
from aegis_proxy.core.request import Body
from aegis_proxy.core.response import Response

OK: Fields = [(b":status", b"200")]


def parse(fields: Fields, *, method: bytes = b"GET", ended: bool = False) -> Response:
    return parse_h2_response(fields, method, ended=ended)


def test_a_response_is_read_whole() -> None:
    """Its status, its fields as HTTP/1.1 has them, and how its body comes: in chunks where no length was told."""
    fields = [*OK, (b"content-length", b"5"), (b"x", b"y"), (b"x-aegis-x", b"dropped")]
    assert parse(fields) == Response(200, b"HTTP/1.1 200 ", [b"content-length: 5", b"x: y"], Body.LENGTH, 5, True)
    assert parse(OK)[3:5] == (Body.CHUNKED, -1)
    assert parse(OK, ended=True)[3:5] == (Body.CHUNKED, -1)
    assert parse([*OK, (b"content-length", b"0")], ended=True)[2:5] == ([b"content-length: 0"], Body.NONE, 0)


def test_some_responses_have_no_body() -> None:
    """By method or status; the length that they say is not theirs."""
    length = (b"content-length", b"5")
    assert parse([*OK, length], method=b"HEAD", ended=True)[2:5] == ([b"content-length: 5"], Body.NONE, 5)
    assert parse([(b":status", b"304"), length], ended=True)[2:5] == ([b"content-length: 5"], Body.NONE, 5)
    assert parse([(b":status", b"204"), length], ended=True)[2:5] == ([], Body.NONE, 5)
    assert parse([(b":status", b"103"), length])[2:4] == ([], Body.NONE)


BAD: dict[str, Fields] = {
    "no-status": [(b"x", b"y")],
    "f28-status": [(b":status", b"99")],
    "f28-status-text": [(b":status", b"2xx")],
    "status-twice": OK + OK,
    "no-upgrade-in-http2": [(b":status", b"101")],
    "request-pseudo": [*OK, (b":path", b"/")],
    "f28-crlf": [*OK, (b"x", b"1\r\ny: 2")],
    "f28-connection": [*OK, (b"transfer-encoding", b"chunked")],
    "f28-length-text": [*OK, (b"content-length", b"+2")],
    "f28-length-twice": [*OK, (b"content-length", b"2"), (b"content-length", b"2")],
    "lookalike": [*OK, (b"content_length", b"2")],
    "too-many": OK + [(b"x", b"y")] * (MAX_FIELDS + 1),
}


@pytest.mark.parametrize("fields", BAD.values(), ids=BAD)
def test_what_is_no_response(fields: Fields) -> None:
    """The caller gets a 502."""
    with pytest.raises(Refused) as caught:
        parse(fields)
    assert caught.value.refusal is UPSTREAM_BROKEN


def test_a_length_without_a_body_is_no_response() -> None:
    """Unless its method or status explains it."""
    with pytest.raises(Refused):
        parse([*OK, (b"content-length", b"5")], ended=True)


def test_the_body_is_held_to_its_length() -> None:
    """As that of a request; a response that has none holds no byte."""
    body_count(parse(OK)).add(100, True)
    for response in (parse([*OK, (b"content-length", b"5")]), parse([*OK, (b"content-length", b"5")], method=b"HEAD")):
        with pytest.raises(Malformed):
            body_count(response).add(6, True)
