from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_proxy.core.fields import egress_role, ingress_role
from aegis_proxy.core.refusals import Refused
from aegis_proxy.core.request import Request, parse_request
from aegis_proxy.core.request_reader import RequestReader

HEAD = b"GET /a/%2e%2e/b HTTP/1.1\r\nHost: a\r\nX-Real-IP: 1\r\n\r\n"


def reader() -> RequestReader:
    return RequestReader(ingress_role, canonical=True)


def test_what_comes_again_means_the_same() -> None:
    """From its third coming on it is one and the same request, which says so; the same bytes have one reading."""
    ours = reader()
    first, second, third, fourth = (ours.take(bytes(bytearray(HEAD))) for _ in range(4))
    assert first == second == (parse_request(HEAD[:-4], ingress_role, canonical=True), b"")
    assert second is not None
    assert third == (second[0]._replace(again=True), b"")
    assert fourth is third


def test_what_comes_once_is_not_remembered() -> None:
    """Most heads with a token or an id of their own never come again; to keep them would cost more than it saves."""
    ours = reader()
    for number in range(5000):
        ours.take(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
    assert not ours._known
    assert len(ours._seen) <= 4096


def test_each_reader_reads_for_its_own_direction() -> None:
    """What is dropped and made canonical on the way in passes as it came on the way out."""
    inward, outward = reader().take(HEAD), RequestReader(egress_role, canonical=False).take(HEAD)
    assert inward is not None
    assert outward is not None
    assert (inward[0].path, list(inward[0].fields)) == (b"/b", [])
    assert (outward[0].path, list(outward[0].fields)) == (b"/a/%2e%2e/b", [b"X-Real-IP: 1"])


def test_what_follows_a_head_is_given_back() -> None:
    """Every time, whether the head is known or not."""
    ours = reader()
    for rest in (b"", b"abc", HEAD, b""):
        taken = ours.take(HEAD + rest)
        assert taken is not None
        assert taken[1] == rest


def test_an_incomplete_head_waits() -> None:
    """Known heads complete nothing: one byte less is another head."""
    ours = reader()
    ours.take(HEAD)
    assert ours.take(HEAD[:-1]) is None


def test_a_refusal_is_a_refusal_each_time() -> None:
    """Nothing is remembered of what was refused."""
    ours = reader()
    for _ in range(2):
        with pytest.raises(Refused):
            ours.take(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    assert not ours._known


def test_what_is_remembered_is_bounded() -> None:
    """The oldest go first, and long heads are never kept."""
    ours = reader()
    for number in range(1200):
        ours.take(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % (number // 2))
    for _ in range(2):
        ours.take(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 5000 + b"\r\n\r\n")
    assert len(ours._known) == 512
    assert min(int(head[5:8]) for head in ours._known) == 88


@given(st.lists(st.sampled_from([HEAD, b"PUT /x HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\n\r\nabc"]), max_size=5))
def test_a_reader_that_remembers_reads_as_one_that_does_not(stream: list[bytes]) -> None:
    """Whatever came before."""
    ours = reader()
    for data in stream:
        taken, alone = ours.take(data), reader().take(data)
        assert taken is not None
        assert (taken[0]._replace(again=False), taken[1]) == alone


PIECES = [b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b"\xff", b"a.b-_~+/=", b"Host: a", b"X: ", b"Connection: close"]
PIECES += [b"Authorization: Bearer ", b"authorization: Bearer ", b"AUTHORIZATION:Bearer ", b"Authorization: Basic "]


def outcome(read: Callable[[], Request | None]) -> object:
    try:
        return read()
    except Refused as refused:
        return refused.refusal, refused.detail


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join), st.sampled_from([b"t", b"u.v-w", b"", b"\xe9"]))
def test_a_head_is_read_the_same_without_its_token(section: bytes, token: bytes) -> None:
    """Whatever stands around it, and whatever was read before: as the head is read that is not taken apart."""
    ours = reader()
    for each in (b"first", b"second", b"third", token):
        head = b"GET / HTTP/1.1\r\nHost: a\r\n" + section.replace(b"a.b-_~+/=", each)
        whole = outcome(lambda head=head: parse_request(head, ingress_role, canonical=True))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        assert outcome(lambda head=head: ours._read(head)) == whole  # type: ignore[misc]


def test_heads_that_differ_in_their_tokens_share_a_reading() -> None:
    """Each has its own token all the same."""
    ours = reader()
    for number in range(4):
        taken = ours.take(b"GET /x HTTP/1.1\r\nHost: a\r\nauthorization: Bearer t%d\r\nX: y\r\n\r\n" % number)
        assert taken is not None
        assert (taken[0].credentials, taken[0].fields) == (b"Bearer t%d" % number, [b"X: y"])
    assert list(ours._shapes) == [b"GET /x HTTP/1.1\r\nHost: a\r\nauthorization: Bearer \r\nX: y"]
    assert not ours._known


def test_a_caller_who_asks_for_another_path_each_time() -> None:
    """Its fields are the same bytes: they are read as they are, with its token, and no shape of a head is kept."""
    ours = reader()
    for number in range(1200):
        head = b"GET /%d HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t" % number
        assert ours.take(head + b"\r\n\r\n") == (parse_request(head, ingress_role, canonical=True), b"")
    assert not ours._shapes
    for number in range(1200):
        ours.take(b"GET / HTTP/1.1\r\nHost: %d\r\n\r\n" % number)
    assert len(ours._sections_seen) <= 512


def test_shapes_are_bounded() -> None:
    """The oldest go first, and long ones are never kept."""
    ours = reader()
    for number in range(1200):
        ours.take(b"GET /%d HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t%d\r\n\r\n" % (number // 2, number))
    for number in range(3):
        ours.take(b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t%d\r\nX: %b\r\n\r\n" % (number, b"x" * 5000))
    assert len(ours._shapes) == 512
