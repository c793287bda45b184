from collections.abc import Iterator

import pytest

from aegis_proxy.core.refusals import NOT_ALLOWED, Refused
from aegis_proxy.shell.exchange import Judged
from aegis_proxy.shell.records import Records
from aegis_proxy.shell.review import Review
from support.in_memory_http import HttpInMemory, http_in_memory

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"


class Verdicts:
    """What the side says of requests that go on."""

    def __init__(self) -> None:
        self.refused: Refused | None = None
        self.late = False
        self.asked = 0

    def expired(self, exchange: Judged) -> bool:
        return self.late

    def review(self, exchange: Judged) -> Refused | None:
        self.asked += 1
        return self.refused


@pytest.fixture
def http() -> Iterator[HttpInMemory]:
    with http_in_memory() as wired:
        yield wired


@pytest.fixture
def verdicts() -> Verdicts:
    return Verdicts()


def review_of(http: HttpInMemory, verdicts: Verdicts) -> Review:
    records = Records(http.log.log, http.metrics, access=False)
    return Review(verdicts, http.server, records, http.clock.seconds, grace=5.0)


def test_a_stream_that_would_be_refused_now_is_broken_off(http: HttpInMemory, verdicts: Verdicts) -> None:
    """After the grace, with a record; a response that has begun can only be aborted."""
    review = review_of(http, verdicts)
    client, transport = http.connect()
    client.dataReceived(GET)
    http.pool.opened[0].dataReceived(ENDLESS)
    verdicts.refused = Refused(NOT_ALLOWED)
    review.all()
    for _ in range(4):
        http.wait(1)
        review.due()
    assert transport.ended == ""
    http.wait(1)
    review.due()
    http.wait(1)
    assert transport.ended == http.pool.app().ended == "aborted"
    assert 'aegis_streams_revoked_total{direction="inbound",reason="not_allowed"} 1' in http.metrics.text()
    assert '"event":"revoked"' in http.log.text()


def test_who_waits_for_an_answer_still_gets_one(http: HttpInMemory, verdicts: Verdicts) -> None:
    """The refusal that a new request would get."""
    review = review_of(http, verdicts)
    client, transport = http.connect()
    client.dataReceived(GET)
    verdicts.refused = Refused(NOT_ALLOWED)
    review.all()
    http.clock.advance(5)
    review.due()
    assert http.statuses(transport) == [403]


def test_what_is_allowed_again_within_the_grace_goes_on(http: HttpInMemory, verdicts: Verdicts) -> None:
    """And its next offence has a grace of its own."""
    review = review_of(http, verdicts)
    client, transport = http.connect()
    client.dataReceived(GET)
    for refused in (Refused(NOT_ALLOWED), None, Refused(NOT_ALLOWED)):
        verdicts.refused = refused
        review.all()
        http.clock.advance(4)
        review.due()
    assert http.statuses(transport) == []


def test_only_time_and_change_are_reasons_to_ask(http: HttpInMemory, verdicts: Verdicts) -> None:
    """Nothing is asked of idle connections, nor each second of streams that were judged by what is in force."""
    review = review_of(http, verdicts)
    http.connect()
    client, _ = http.connect()
    client.dataReceived(GET)
    review.due()
    assert verdicts.asked == 0
    verdicts.late = True
    review.due()
    assert verdicts.asked == 1
    verdicts.late = False
    review.all()
    assert verdicts.asked == 2
