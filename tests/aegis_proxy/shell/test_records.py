from collections.abc import Iterator

import pytest

from aegis_proxy.core.refusals import BAD_REQUEST, BAD_TOKEN, Refused
from support.in_memory_http import HttpInMemory, http_in_memory

GET = b"GET /x?secret=1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer eyJhbGciOiJ9.eyJzdWIiOiJ9.c2ln\r\n\r\n"
OK = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def http() -> Iterator[HttpInMemory]:
    with http_in_memory() as wired:
        yield wired


def test_a_request_that_passed_has_a_line_and_is_counted(http: HttpInMemory) -> None:
    """Who, what and how it went; no query and no token."""
    client, _ = http.connect()
    client.dataReceived(GET)
    http.clock.advance(0.25)
    http.pool.opened[0].dataReceived(OK)
    (line,) = http.log.events()
    assert len(line["decision"]) == 16
    assert {name: value for name, value in line.items() if name not in ("time", "decision")} == {
        "event": "access",
        "direction": "inbound",
        "trace": "",
        "verdict": "allow",
        "reason": "",
        "provider": "corp",
        "policy": "orders",
        "rule": "r",
        "identity": "",
        "method": "GET",
        "path": "/x",
        "status": 404,
        "milliseconds": 250.0,
        "bytes": 2,
        "peer": "",
    }
    assert http.metrics.requests == {("inbound", "allow", "", "corp", "orders", "r", "4xx"): 1}
    assert 'le="0.25"} 1' in http.metrics.text()


def test_a_refusal_is_explained_under_its_decision(http: HttpInMemory) -> None:
    """The answer names the decision, the log why; the token is in neither."""
    http.side.answers = [Refused(BAD_TOKEN, "it has expired", "expired")]
    client, transport = http.connect()
    client.dataReceived(GET)
    (line,) = http.log.events()
    assert (line["event"], line["status"], line["reason"], line["detail"]) == (
        "refused",
        401,
        "expired",
        "it has expired",
    )
    assert (line["method"], line["path"]) == ("GET", "/x")
    assert line["decision"].encode() in transport.written
    assert b"expired" not in transport.written
    assert "eyJ" not in http.log.text()
    assert http.metrics.requests == {("inbound", "deny", "expired", "", "", "", "4xx"): 1}


def test_decisions_have_ids_of_their_own(http: HttpInMemory) -> None:
    """Nobody can guess the next."""
    http.side.answers = [Refused(BAD_TOKEN) for _ in range(5)]
    client, _ = http.connect()
    client.dataReceived(GET * 5)
    assert len({event["decision"] for event in http.log.events()}) == 5


def test_what_could_not_be_read_is_recorded_without_its_bytes(http: HttpInMemory) -> None:
    """There is no request to name."""
    client, _ = http.connect()
    client.dataReceived(b"eyJ garbage\r\n\r\n")
    (line,) = http.log.events()
    assert (line["reason"], line["method"], line["path"]) == (BAD_REQUEST.code, "", "")
    assert "eyJ" not in http.log.text()


def test_an_exchange_that_breaks_off_is_counted_once(http: HttpInMemory) -> None:
    """With its reason in the log."""
    client, _ = http.connect()
    client.dataReceived(GET)
    http.pool.opened[0].dataReceived(OK[:-1])
    http.pool.app().end()
    http.clock.advance(0)
    assert http.metrics.aborted == {"inbound": 1}
    assert [event["event"] for event in http.log.events()] == ["aborted"]
