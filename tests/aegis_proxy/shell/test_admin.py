from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock, deferLater

from aegis_proxy.shell.admin import Admin, Page, as_json, text
from support.in_memory_http import MemoryTransport
from support.raw_client import field_value


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def admin(clock: Clock) -> Iterator[Admin]:
    async def slow() -> Page:
        await deferLater(clock, 1, lambda: None)
        return text(200, "at last\n")

    async def broken() -> Page:
        await deferLater(clock, 1, lambda: None)
        raise ZeroDivisionError("secret")

    yield Admin(clock, {"/live": lambda: text(200, "alive\n"), "/slow": slow, "/broken": broken})
    assert clock.getDelayedCalls() == []


def ask(admin: Admin, clock: Clock, data: bytes, *, one_by_one: bool = False, wait: float = 0) -> bytes:
    connection = admin.buildProtocol(None)
    assert connection is not None
    transport = MemoryTransport(connection, clock)
    whole: Any = transport
    connection.makeConnection(whole)  # type: ignore[no-untyped-call]  # Twisted types only its interfaces
    for piece in [data[at : at + 1] for at in range(len(data))] if one_by_one else [data]:
        connection.dataReceived(piece)
    clock.advance(wait)
    assert transport.ended
    return transport.written


def get(path: bytes, method: bytes = b"GET") -> bytes:
    return method + b" " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize("one_by_one", [False, True])
def test_a_page_is_one_answer_and_the_end(admin: Admin, clock: Clock, one_by_one: bool) -> None:
    """Whole or one byte at a time."""
    answer = ask(admin, clock, get(b"/live"), one_by_one=one_by_one)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 6\r\n")
    assert field_value(answer, b"connection") == b"close"
    assert field_value(answer, b"cache-control") == b"no-store"
    assert answer.endswith(b"\r\n\r\nalive\n")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (get(b"/nothing"), 404),
        (get(b"/live/"), 404),
        (get(b"/live", b"POST"), 405),
        (get(b"//live"), 400),
        (get(b"/live").replace(b"Host: a\r\n", b""), 400),
        (b"GET /live HTTP/1.1\n", 400),
        (b"GET /live HTTP/3.0\r\n", 505),
        (b"GET /" + b"a" * 70_000, 414),
    ],
)
def test_what_is_no_page_gets_a_clear_answer(admin: Admin, clock: Clock, data: bytes, status: int) -> None:
    """And the end."""
    assert ask(admin, clock, data).startswith(b"HTTP/1.1 %d " % status)


def test_a_wrong_path_is_told_the_right_ones(admin: Admin, clock: Clock) -> None:
    """Nobody has to look them up."""
    assert ask(admin, clock, get(b"/x")).endswith(b"there is no /x here; there are /broken /live /slow\n")


def test_a_head_has_no_body(admin: Admin, clock: Clock) -> None:
    """But its length."""
    answer = ask(admin, clock, get(b"/live", b"HEAD"))
    assert field_value(answer, b"content-length") == b"6"
    assert answer.endswith(b"\r\n\r\n")


def test_more_than_one_request_is_not_read(admin: Admin, clock: Clock) -> None:
    """One question, one answer."""
    assert ask(admin, clock, get(b"/live") * 2).count(b"HTTP/1.1") == 1
    assert ask(admin, clock, get(b"/slow") * 2, one_by_one=True, wait=1).count(b"HTTP/1.1") == 1


def test_a_page_may_take_its_time(admin: Admin, clock: Clock) -> None:
    """As the app's own health does."""
    assert ask(admin, clock, get(b"/slow"), wait=1).endswith(b"at last\n")


def test_x23_a_page_that_fails_says_no_more_than_that(admin: Admin, clock: Clock) -> None:
    """The text of the error is nobody's business."""
    answer = ask(admin, clock, get(b"/broken"), wait=1)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in answer


def test_x24_a_question_that_does_not_end_is_cut_off(admin: Admin, clock: Clock) -> None:
    """After ten seconds."""
    assert ask(admin, clock, b"GET /live HT", wait=11) == b""


def test_d03_probes_are_answered_however_many_hold_the_port(admin: Admin, clock: Clock) -> None:
    """The oldest of those who say nothing go, before their ten seconds are over."""
    holders = []
    for _ in range(300):
        connection = admin.buildProtocol(None)
        assert connection is not None
        transport: Any = MemoryTransport(connection, clock)
        connection.makeConnection(transport)  # type: ignore[no-untyped-call]  # Twisted types only its interfaces
        admin.crowd.came()
        holders.append(transport)
        clock.advance(0.001)
    assert ask(admin, clock, get(b"/live")).startswith(b"HTTP/1.1 200 ")
    ended = [transport.ended for transport in holders]
    assert ended == ["aborted"] * ended.count("aborted") + [""] * ended.count("")
    assert ended.count("aborted") >= 44
    clock.advance(20)


def test_s09_what_looks_like_a_token_is_not_shown() -> None:
    """Should a provider quote one in its error."""
    page = as_json({"problem": "got eyJhbGciOiJub25lIn0.eyJzdWIiOiJ9.c2ln, sent hvs.CAESIJ"})
    assert page.body == '{\n  "problem": "got ***, sent ***"\n}\n'


def test_json_shows_what_is_no_plain_value_as_text() -> None:
    """For people."""
    assert as_json({"a": 1, "b": {2}}) == Page(200, "application/json", '{\n  "a": 1,\n  "b": "{2}"\n}\n')
