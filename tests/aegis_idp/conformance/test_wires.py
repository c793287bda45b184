"""HTTP clients that count, fail or wait."""

import pytest

from aegis_idp.blocking import run
from aegis_idp.conformance.wires import Cancelled, Pausing, Sent, Tapped, cancel, in_turns
from aegis_idp.http import Http, Response
from support.fake_http import FakeHttp, answer

URLS = ("https://a.example", "https://b.example")


def _wire() -> FakeHttp:
    return FakeHttp({url: answer({"url": url}) for url in URLS}, api_server="https://api.example")


async def _ask_both(http: Http) -> list[int]:
    return [(await http.request("GET", url, as_pod=True)).status for url in URLS]


def test_a_tap_keeps_what_was_sent() -> None:
    """Without a fault, all goes on to the client behind it."""
    tap = Tapped(_wire())
    assert run(_ask_both(tap)) == [200, 200]
    assert tap.sent == [Sent("GET", url, {}, b"", True) for url in URLS]
    assert tap.api_server == "https://api.example"


def test_a_fault_answers_one_request() -> None:
    """The one with its number, which the client behind never sees."""
    wire = _wire()
    assert run(_ask_both(Tapped(wire, 1, lambda _: Response(503, {}, b"")))) == [200, 503]
    assert [sent.url for sent in wire.sent] == [URLS[0]]


def test_coroutines_take_turns() -> None:
    """Each goes on to its next request when the other has come to its own."""
    wire = _wire()
    assert Pausing(wire).api_server == "https://api.example"

    async def ask_one(http: Http) -> list[int]:
        return [(await http.request("GET", URLS[1])).status]

    assert in_turns(_ask_both(Pausing(wire)), ask_one(Pausing(wire))) == [[200, 200], [200]]
    assert [sent.url for sent in wire.sent] == [URLS[0], URLS[1], URLS[1]]


@pytest.mark.parametrize("pause", [0, 1])
def test_a_cancellation_is_thrown_at_a_pause(pause: int) -> None:
    """What was sent before stays sent, and nothing follows."""
    wire = _wire()
    with pytest.raises(Cancelled):
        cancel(_ask_both(Pausing(wire)), pause)
    assert len(wire.sent) == pause


def test_a_coroutine_that_ends_first_cannot_be_cancelled() -> None:
    """The caller hears of it, as of one that does not heed the cancellation."""
    with pytest.raises(LookupError):
        cancel(_ask_both(Pausing(_wire())), 2)

    async def heedless(http: Http) -> None:
        try:
            await http.request("GET", URLS[0])
        except Cancelled:
            return

    with pytest.raises(LookupError):
        cancel(heedless(Pausing(_wire())), 0)
