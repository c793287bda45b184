"""Section 2.3 of the attack catalogue, on real sockets: where a message ends."""

from collections.abc import Callable

import pytest

from support.mesh import CANARY, LAST, Mesh, bearer, request
from support.proxy_process import token
from support.raw_client import RawClient
from support.recording_origin import Connection, Received
from support.waiting import eventually

FED = [pytest.param(False, id="whole"), pytest.param(True, id="one-by-one")]
GOOD = bearer()
CHUNKED = b"Transfer-Encoding: chunked"


def post(*lines: bytes, body: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    return request(b"/upload", *lines, method=b"POST", body=body, version=version)


def chunks(body: bytes) -> bytes:
    return post(CHUNKED, body=body)


def raw(text: bytes) -> bytes:
    """A request with its own line ends; `{T}` stands for the good Authorization."""
    return text.replace(b"{T}", GOOD)


BODY = b"5\r\nabcde\r\n0\r\n\r\n"
NO_NUMBERS = [b"", b"+5", b"-48", b"0x10", b"1_0", b"1Z", "５".encode(), b"\xb2", b"5.0", b"1e1"]
CODINGS = [b"identity", b"chunked, chunked", b",chunked", b"chunked,", b"gzip, chunked", b"chunked, gzip", b'"chunked"']
CODINGS += [b"\x0bchunked", b"\xa0chunked\xa0", b"chunked\x00", "chun\u212aed".encode()]
UNKNOWN = [b"cow", b"'chunked'", b"xchunked", b"chunk"]
SIZES = [b"", b"0x5", b"+5", b"-0x0", b"5 ", b" 5", b"0_2e", b"5\x00", b"G", "１".encode(), b"F" * 16, b"1" + b"0" * 16]
SIZES += [b"0" * 300 + b"3", b"0" * 1100 + b"3"]
EXTENSIONS = [b"5;", b'5;a="\n"', b"5;bad[=x", b"5\r\r;a"]


def lengths(name: str, *values: bytes) -> dict[str, tuple[bytes, int]]:
    return {f"{name}-{at}": (post(b"Content-Length: " + value, body=b"abcde"), 400) for at, value in enumerate(values)}


# The request, and the status that ends its connection.
ENDING: dict[str, tuple[bytes, int]] = {
    "F01": (post(b"Content-Length: 5", CHUNKED, body=BODY), 400),
    "F01-other-order": (post(CHUNKED, b"Content-Length: 5", body=BODY), 400),
    "F02-1-0": (post(b"Content-Length: 1", b"Content-Length: 0", body=b"a"), 400),
    "F02-same": (post(b"Content-Length: 5", b"Content-Length: 5", body=b"abcde"), 400),
    **lengths("F02", b"5, 5", b"5,6", b"5 5"),
    **lengths("F03", *NO_NUMBERS),
    **lengths("F04", b"010", b"0000000003"),
    **lengths("F05", b"9" * 20, b"9" * 4000, b"9" * 5000),
    "F03-VT": (post(b"Content-Length:  5\x0b", body=b"abcde"), 400),
    "F06-and-length": (post(b"Transfer-Encoding: identity", b"Content-Length: 5", body=b"abcde"), 400),
    "F06-two": (post(b"Transfer-Encoding: identity", CHUNKED, body=BODY), 400),
    "F07-twice": (post(CHUNKED, CHUNKED, body=BODY), 400),
    **{f"F06-F08-{at}": (post(b"Transfer-Encoding: " + value, body=BODY), 400) for at, value in enumerate(CODINGS)},
    **{f"F07-unknown-{at}": (post(b"Transfer-Encoding: " + value, body=BODY), 501) for at, value in enumerate(UNKNOWN)},
    "F09-space": (post(b"Transfer-Encoding : chunked", body=BODY), 400),
    "F09-first-space": (post(b" Transfer-Encoding: chunked", body=BODY), 400),
    "F09-CR": (post(b"Transfer\r-Encoding: chunked", body=BODY), 400),
    "F09-CR-value": (post(b"X: X\rTransfer-Encoding: chunked", body=BODY), 400),
    "F09-LF-value": (post(b"X: X\nTransfer-Encoding: chunked", body=BODY), 400),
    "F09-cut": (post(b"Transfer-\r\nEncoding: chunked", body=BODY), 400),
    "F10": (post(CHUNKED, body=BODY, version=b"HTTP/1.0"), 400),
    "F10-keep-alive": (post(CHUNKED, b"Connection: keep-alive", body=BODY, version=b"HTTP/1.0"), 400),
    "F11-LF-line": (raw(b"GET /public HTTP/1.1\nHost: a\r\n{T}\r\n\r\n"), 400),
    "F11-LF-field": (raw(b"GET /public HTTP/1.1\r\nHost: a\n{T}\r\n\r\n"), 400),
    "F11-LF-end": (raw(b"GET /public HTTP/1.1\r\nHost: a\r\n{T}\r\n\n"), 400),
    "F11-all-LF": (raw(b"GET /public HTTP/1.1\nHost: a\n{T}\n\n"), 400),
    "F11-CR": (raw(b"GET /public HTTP/1.1\rHost: a\r{T}\r\r"), 400),
    "F11-CRCRLF": (b"\r\r\n" + request(), 400),
    "F11-LFCRLF": (b"\n\r\n" + request(), 400),
    **{f"F12-{at}": (chunks(size + b"\r\nabcde\r\n0\r\n\r\n"), 400) for at, size in enumerate(SIZES)},
    **{f"F13-{at}": (chunks(size + b"\r\nabcde\r\n0\r\n\r\n"), 400) for at, size in enumerate(EXTENSIONS)},
    "F13-budget": (chunks((b"1;" + b"a" * 100 + b"\r\nx\r\n") * 200), 400),
    "F14": (chunks(b"3\r\nabcXX"), 400),
    "F14-LF": (chunks(b"3\r\nabc\n0\r\n\r\n"), 400),
    "F14-CR": (chunks(b"3\r\nabc\rX0\r\n\r\n"), 400),
    "F16": (raw(b"GET /public HTTP/1.1\r\nHost: a\r\n{T}\r\n\rZGET /evil HTTP/1.1\r\nHost: a\r\n{T}\r\n\r\n"), 400),
    "F17-two": (b"\r\n\r\n" + request(), 400),
    "F18-0.9": (b"GET /public\r\n", 400),
    "F18-1.2": (request(version=b"HTTP/1.2"), 505),
    "F18-2.0": (request(version=b"HTTP/2.0"), 505),
    "F18-lower": (request(version=b"http/1.1"), 400),
    "F18-1.32": (request(version=b"HTTP/1.32"), 400),
    "F18-01.1": (request(version=b"HTTP/01.1"), 400),
    "F18-huge": (request(version=b"HTTP/4294967295.255"), 400),
    "F19-no-host": (request(version=b"HTTP/1.0", host=None), 400),
    "F22-other": (post(b"Expect: xyz", b"Content-Length: 5", body=b"abcde"), 417),
}


@pytest.mark.parametrize("one_by_one", FED)
@pytest.mark.parametrize(("data", "status"), ENDING.values(), ids=ENDING)
def test_framing_that_is_not_plain_ends_the_connection(mesh: Mesh, data: bytes, status: int, one_by_one: bool) -> None:
    """O1, O3: one answer and the end; the app gets no whole request, and never the canary.

    Where the catalogue allows more than one answer, refusing is the stricter.
    """
    answers = mesh.ask(data + CANARY, one_by_one=one_by_one)
    assert [answer.status for answer in answers] == [status]
    assert answers[0].value(b"connection") == b"close"
    assert mesh.origin.targets == []


PASSING: dict[str, tuple[bytes, bytes]] = {
    "F13-extension": (chunks(b"5;a=b\r\nabcde\r\n0\r\n\r\n"), b"abcde"),
    "F13-quoted": (chunks(b'5;a="b;c"\r\nabcde\r\n0;x\r\n\r\n'), b"abcde"),
    "F15": (chunks(b"0\r\nX:POST / HTTP/1.1\r\n\r\n"), b""),
    "F17": (b"\r\n" + post(b"Content-Length: 5", body=b"abcde"), b"abcde"),
    "length-0": (post(b"Content-Length: 0"), b""),
    "chunks": (chunks(b"1\r\na\r\n4\r\nbcde\r\n0\r\n\r\n"), b"abcde"),
}


@pytest.mark.parametrize("one_by_one", FED)
@pytest.mark.parametrize(("data", "body"), PASSING.values(), ids=PASSING)
def test_odd_and_legal_framing_is_made_plain(mesh: Mesh, data: bytes, body: bytes, one_by_one: bool) -> None:
    """The app gets the same body, framed anew without extensions and trailers, and then the next request."""
    answers = mesh.ask(data + LAST, one_by_one=one_by_one)
    assert [answer.status for answer in answers] == [200, 200]
    assert mesh.origin.targets == [b"/upload", b"/public/last"]
    assert mesh.origin.requests[0].body == body
    assert b";" not in mesh.origin.connections[0].data.partition(b"\r\n\r\n")[2]


def test_f15_a_body_without_its_end_is_waited_for(mesh: Mesh) -> None:
    """The missing CRLF may still come; the app has not got the end."""
    with mesh.client() as client:
        client.send(chunks(b"5\r\nabcde\r\n0\r\n"))
        assert client.silent()
        assert mesh.origin.requests == []
        assert client.send(b"\r\n").answer().status == 200


def test_f19_http_1_0_gets_one_answer(mesh: Mesh) -> None:
    """Keep-alive is not spoken there; what was pipelined is not served."""
    first = request(b"/public", b"Connection: keep-alive", version=b"HTTP/1.0")
    answers = mesh.ask(first + CANARY)
    assert [answer.status for answer in answers] == [200]
    assert mesh.origin.targets == [b"/public"]


def test_f19_http_1_0_gets_no_chunks(mesh: Mesh) -> None:
    """The end of the connection ends its body."""
    mesh.origin.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    (answer,) = mesh.ask(request(version=b"HTTP/1.0"))
    assert (answer.value(b"transfer-encoding"), answer.body) == (None, b"abcde")


@pytest.mark.parametrize("lines", [(b"Content-Length: 10",), (CHUNKED,)], ids=["length", "chunked"])
def test_f20_a_body_that_ends_early_is_refused(mesh: Mesh, lines: tuple[bytes, ...]) -> None:
    """400, and the app never gets a whole request: its connection is broken off."""
    with mesh.client() as client:
        client.send(post(*lines, body=b"4\r\na")).finish()
        answers = client.answers()
    assert [answer.status for answer in answers] == [400]
    eventually(lambda: all(connection.ended.is_set() for connection in mesh.origin.connections))
    assert mesh.origin.requests == []


def test_f21_an_early_answer_is_relayed_and_ends_the_connection(mesh: Mesh) -> None:
    """The client goes on sending for a while; the app's connection is not used again."""

    def early(connection: Connection) -> None:
        connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly")
        while connection.receive():
            pass

    mesh.origin.serve(early)
    with mesh.client() as client:
        client.send(post(b"Content-Length: 1000000", body=b"a" * 1000))
        answer = client.answer()
        assert (answer.status, answer.body, answer.value(b"connection")) == (200, b"early", b"close")
        client.send(b"a" * 1000)
        assert client.rest() == b""
    assert eventually(mesh.origin.connections[0].ended.is_set)


def test_f22_who_must_not_send_is_not_told_to_go_on(mesh: Mesh) -> None:
    """401 without a 100 before it; the body will not come, so the connection ends."""
    with mesh.client() as client:
        client.send(post(b"Expect: 100-continue", b"Content-Length: 5").replace(GOOD, b"X: y"))
        assert [answer.status for answer in client.answers()] == [401]
    assert mesh.origin.connections == []


def test_f22_the_app_says_whether_to_go_on(mesh: Mesh) -> None:
    """Its 100 is passed to the client, whose body then follows."""

    def patient(connection: Connection) -> None:
        head = connection.head()
        assert head is not None
        assert b"\r\nExpect: 100-continue\r\n" in head
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.receive()
        connection.send(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        connection.receive()

    mesh.origin.serve(patient)
    with mesh.client() as client:
        client.send(post(b"Expect: 100-continue", b"Content-Length: 5"))
        assert client.interim().head == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert client.send(b"abcde").answer().status == 201
        assert mesh.origin.connections[0].data.endswith(b"\r\n\r\nabcde")


def test_f22_http_1_0_never_gets_a_1xx(mesh: Mesh) -> None:
    """It would take it for the answer."""
    mesh.origin.answer(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    answers = mesh.ask(request(b"/public", version=b"HTTP/1.0"))
    assert [answer.status for answer in answers] == [200]


HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"


@pytest.mark.parametrize(("hints", "statuses"), [(1, [103, 200]), (8, [103] * 8 + [200]), (9, [103] * 8 + [502])])
def test_f23_interim_responses_are_relayed_within_reason(mesh: Mesh, hints: int, statuses: list[int]) -> None:
    """Eight; more are an app that never comes to its answer."""
    mesh.origin.answer(HINT * hints + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert [answer.status for answer in mesh.ask(LAST)] == statuses


ODD_UPSTREAM = {
    "F23-101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "F28-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "F28-both": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "F28-plus": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nab",
    "F28-coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "F28-bare-LF": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nab",
    "F28-CR": b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 2\r\n\r\nab",
    "F28-NUL": b"HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 2\r\n\r\nab",
    "F28-no-colon": b"HTTP/1.1 200 OK\r\nX\r\nContent-Length: 2\r\n\r\nab",
    "F28-99": b"HTTP/1.1 99 OK\r\nContent-Length: 2\r\n\r\nab",
    "F28-3.7": b"HTTP/3.7 200 OK\r\nContent-Length: 2\r\n\r\nab",
    "F28-large": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    "F28-many": b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 300 + b"\r\n",
    "F28-silence": b"",
    "F28-half-a-head": b"HTTP/1.1 200 OK\r\nContent-Le",
}


@pytest.mark.parametrize("answer", ODD_UPSTREAM.values(), ids=ODD_UPSTREAM)
def test_what_is_no_response_becomes_a_502(mesh: Mesh, answer: bytes) -> None:
    """Nothing of it reaches the client, and its connection is not used again."""

    def odd(connection: Connection) -> None:
        connection.head()
        connection.send(answer if connection.number == 0 else OK)
        connection.finish()
        while connection.receive():
            pass

    mesh.origin.serve(odd)
    with mesh.client() as client:
        assert client.send(request()).answer().status == 502
        assert client.send(request()).answer().status == 200
    assert len(mesh.origin.connections) == 2


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
EXTRA = {
    "F29": OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    "F31-204": b"HTTP/1.1 204 No Content\r\n\r\nevil",
    "F31-304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil",
}


@pytest.mark.parametrize("answer", EXTRA.values(), ids=EXTRA)
def test_bytes_after_a_response_are_nobodys(mesh: Mesh, answer: bytes) -> None:
    """The next request gets a connection of its own."""
    mesh.origin.answer(lambda request: OK if request.connection else answer)
    with mesh.client() as client:
        first = client.send(request()).answer()
        assert (first.status, b"evil" in first.body) == (int(answer[9:12]), False)
        assert client.send(request()).answer().body == b"ok"
    assert [seen.connection for seen in mesh.origin.requests] == [0, 1]


def test_f31_a_head_has_no_body(mesh: Mesh) -> None:
    """What the app sends all the same is dropped, and its length told."""
    mesh.origin.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    with mesh.client() as client:
        answer = client.send(request(b"/head", method=b"HEAD")).answer(method=b"HEAD")
        assert (answer.status, answer.value(b"content-length")) == (200, b"4")
        assert client.silent()


def test_f24_pipelined_requests_are_judged_one_by_one(mesh: Mesh) -> None:
    """In order, each with its own fields."""
    answers = mesh.ask(request(b"/public/1") + request(b"/admin") + request(b"/public/3", auth=False) + LAST)
    assert [answer.status for answer in answers] == [200, 403, 401, 200]
    assert mesh.origin.targets == [b"/public/1", b"/public/last"]


def test_f25_pipelined_bodies_stay_with_their_requests(mesh: Mesh) -> None:
    """GHSA-c8m8: also where the second request comes while the first is still answered."""
    mesh.origin.answer(
        lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(request.body), request.body)
    )
    answers = mesh.ask(chunks(BODY) + post(b"Content-Length: 3", body=b"xyz") + chunks(b"1\r\nq\r\n0\r\n\r\n") + LAST)
    assert [answer.body for answer in answers] == [b"abcde", b"xyz", b"q", b""]


def test_f26_nothing_follows_a_close(mesh: Mesh) -> None:
    """`close, x` is a close, too."""
    for option in (b"close", b"close, x", b"x,CLOSE"):
        mesh.origin.reset()
        answers = mesh.ask(request(b"/public", b"Connection: " + option) + CANARY)
        assert [answer.status for answer in answers] == [200]
        assert mesh.origin.targets == [b"/public"]


def test_f27_identities_may_take_turns_on_a_connection(mesh: Mesh) -> None:
    """Nothing is remembered of the one before."""
    other = b"Authorization: Bearer " + token(sub="system:serviceaccount:shop:other")
    first, second = request(b"/public"), request(b"/public", other, auth=False)
    answers = mesh.ask(first + second + first + second + LAST)
    assert [answer.status for answer in answers] == [200, 403, 200, 403, 200]


def test_f30_nothing_is_decoded_into_fields(mesh: Mesh) -> None:
    """A query goes on as it came, and what the app makes of it comes back as it is."""
    mesh.origin.answer(lambda request: b"HTTP/1.1 200 OK\r\nX: " + request.target + b"\r\nContent-Length: 0\r\n\r\n")
    (answer,) = mesh.ask(request(b"/public?a%0d%0aSet-Cookie:%20evil", b"Connection: close"))
    assert answer.value(b"x") == b"/public?a%0d%0aSet-Cookie:%20evil"
    assert answer.value(b"set-cookie") is None


def served_once(client: RawClient) -> None:
    assert client.send(request(b"/public/first")).answer().status == 200


def lose_idle_connection(mesh: Mesh) -> Callable[[Received], bytes | None]:
    """The app answers once, and closes its connection when the next request comes on it."""
    return lambda request: OK if request.target == b"/public/first" or request.connection else None


@pytest.mark.parametrize("method", [b"GET", b"DELETE"])
def test_f32_a_lost_idle_connection_costs_nothing_where_it_may_be_sent_again(mesh: Mesh, method: bytes) -> None:
    """RFC 9110 section 9.2.2: an idempotent request without a body goes out once more, on a new connection."""
    mesh.origin.answer(lose_idle_connection(mesh))
    with mesh.client() as client:
        served_once(client)
        assert client.send(request(b"/upload", method=method)).answer().status == 200
    assert [seen.connection for seen in mesh.origin.requests] == [0, 0, 1]


@pytest.mark.parametrize("body", [b"", b"abcde"])
def test_f32_what_may_have_been_done_is_not_sent_again(mesh: Mesh, body: bytes) -> None:
    """A POST, or anything with a body: 502."""
    mesh.origin.answer(lose_idle_connection(mesh))
    with mesh.client() as client:
        served_once(client)
        assert client.send(post(b"Content-Length: %d" % len(body), body=body)).answer().status == 502
        assert client.send(request()).answer().status == 200
    assert [seen.connection for seen in mesh.origin.requests] == [0, 0, 1]


def test_f32_a_fresh_connection_that_is_lost_is_a_502(mesh: Mesh) -> None:
    """Once more would not help."""
    mesh.origin.answer(lambda _: None)
    assert [answer.status for answer in mesh.ask(LAST)] == [502]
    assert len(mesh.origin.connections) == 1
