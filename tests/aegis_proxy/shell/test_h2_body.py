import pytest

from aegis_proxy.core.h2_fields import Malformed
from aegis_proxy.core.h2_request import BodyCount
from aegis_proxy.core.request import Request
from aegis_proxy.shell.calls import Caller
from aegis_proxy.shell.h2_body import RequestBody


class Upstream:
    """A call that notes what it is sent; `fills` pauses who sends."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, bool]] = []
        self.fills: RequestBody | None = None

    def start(self, caller: Caller, request: Request, head: bytes, *, ended: bool) -> None:
        raise AssertionError

    def send(self, payload: bytes, *, ended: bool) -> None:
        self.sent.append((payload, ended))
        if self.fills is not None:
            self.fills.pause()

    def pause_receiving(self) -> None: ...

    def resume_receiving(self) -> None: ...

    def release(self, *, complete: bool) -> None: ...

    def abandon(self) -> None: ...


class Bench:
    def __init__(self) -> None:
        self.given_back = 0
        self.body = RequestBody(self._note)
        self.upstream = Upstream()
        self.started: list[bool] = []

    def _note(self, size: int) -> None:
        self.given_back += size

    def go(self) -> None:
        self.body.go_to(self.upstream, self.started.append)


def test_what_comes_before_its_call_is_held() -> None:
    """And the client waits for its windows; padding is given back with the rest."""
    bench = Bench()
    bench.body.add(b"ab", 2, False)
    bench.body.add(b"c", 5, False)
    assert (bench.given_back, bench.body.complete) == (0, False)
    bench.go()
    assert (bench.started, bench.upstream.sent, bench.given_back) == ([False], [(b"abc", False)], 7)
    bench.body.add(b"d", 1, True)
    assert (bench.upstream.sent[1:], bench.given_back, bench.body.complete) == ([(b"d", True)], 8, True)


def test_a_body_that_is_whole_and_empty_ends_with_its_head() -> None:
    """Nothing is left to send."""
    bench = Bench()
    bench.body.add(b"", 0, True)
    bench.go()
    assert (bench.started, bench.upstream.sent) == ([True], [])


def test_upstream_decides_when_more_may_come() -> None:
    """What it did not take is not given back, not even the piece that filled it."""
    bench = Bench()
    bench.upstream.fills = bench.body
    bench.body.add(b"ab", 2, False)
    bench.go()
    assert bench.given_back == 0
    bench.upstream.fills = None
    bench.body.resume()
    assert bench.given_back == 2
    bench.upstream.fills = bench.body
    bench.body.add(b"cd", 2, False)
    assert bench.given_back == 2
    bench.body.resume()
    assert bench.given_back == 4


@pytest.mark.parametrize("going", [False, True])
def test_what_nobody_wants_is_given_back(going: bool) -> None:
    """Held, paused, or still to come: the connection's window is for all streams, and would be lost bit by bit."""
    bench = Bench()
    if going:
        bench.upstream.fills = bench.body
        bench.go()
    bench.body.expect(BodyCount(3))
    bench.body.add(b"ab", 2, False)
    bench.body.drop()
    assert bench.given_back == 2
    bench.body.add(b"cdef", 4, True)
    assert (bench.given_back, len(bench.upstream.sent)) == (6, int(going))


def test_a_body_has_the_length_it_said() -> None:
    """RFC 9113 section 8.1.1."""
    bench = Bench()
    bench.body.expect(BodyCount(3))
    bench.body.add(b"ab", 2, False)
    with pytest.raises(Malformed):
        bench.body.add(b"cd", 2, False)
