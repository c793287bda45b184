"""Responses as mutants (F23, F28 to F32): one clean response or a 502, and the next request gets its own answer."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_proxy.core import response as core_response
from aegis_proxy.core.request import Body
from aegis_proxy.shell.upstream import UpstreamConnection
from mutation.answers import answer_with, read_response
from mutation.judged import unexplained
from mutation.memory import TOKEN, MemoryProxy, memory_proxy
from mutation.messages import RESPONSES
from mutation.operators import OPERATORS, apply
from mutation.origin import Crooked
from mutation.run import response_verdict, run

MUTANTS = st.builds(
    apply,
    st.sampled_from(RESPONSES),
    st.lists(st.tuples(st.sampled_from(OPERATORS), st.integers(0, 2**32 - 1)), max_size=5),
)


@pytest.fixture(scope="module")
def proxy() -> Iterator[MemoryProxy]:
    with memory_proxy() as made:
        yield made


@given(message=MUTANTS, seed=st.integers(0, 2**16))
@settings(max_examples=400)
def test_f28_no_response_breaks_the_oracle(proxy: MemoryProxy, message: bytes, seed: int) -> None:
    """Whatever an app answers, whole or in pieces, with the end of its connection or without."""
    assert unexplained(response_verdict(proxy, message, seed)[1], message) == []


def test_f28_a_run_finds_nothing() -> None:
    """The run that CI makes on every change, on mutants that never change."""
    said: list[str] = []
    assert run("responses", 0, 2000, report=said.append) == 0
    assert said[-2].startswith("responses: 2000 mutants from seed 0")


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"HTTP/1.1 304\r\nX: y\r\n\r\n", id="no space behind the status"),
        pytest.param(b"HTTP/1.0 200\r\n\r\n OKhello", id="the same in HTTP/1.0"),
        pytest.param(b"HTTP/1.0 100 Continue\r\n\r\n" + RESPONSES[0], id="an interim response in HTTP/1.0"),
        pytest.param(
            b"HTTP/1.1 104 X\r\nContent-Length: 21\r\n\r\n" + RESPONSES[0], id="an interim response with a body"
        ),
    ],
)
def test_what_runs_found_stays_mended(proxy: MemoryProxy, message: bytes) -> None:
    """Mutants that once reached the client as something that is no response."""
    for seed in range(8):
        assert response_verdict(proxy, message, seed)[1] == []


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("message", RESPONSES)
def test_the_seeds_pass(proxy: MemoryProxy, message: bytes, ends: bool) -> None:
    """All but the upgrade that nobody asked for."""
    first, found = answer_with(proxy, message, [], ends=ends, token=TOKEN)
    assert found == []
    assert first.whole
    assert (first.status == 502) is message.startswith(b"HTTP/1.1 101")


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk", id="F28-two-lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok", id="F28-both"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok", id="F28-plus"),
        pytest.param(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", id="F28-bare-LF"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok", id="F28-NUL"),
        pytest.param(b"HTTP/1.1 99 OK\r\nContent-Length: 2\r\n\r\nok", id="F28-status"),
        pytest.param(b"HTTP/1.1 103 E\r\n\r\n" * 9 + RESPONSES[0], id="F23-interim"),
        pytest.param(b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", id="F23-101"),
    ],
)
def test_f28_what_is_no_response_is_a_502(proxy: MemoryProxy, message: bytes) -> None:
    """The connection to the app is closed, and the next request gets its own answer."""
    first, found = answer_with(proxy, message, [], ends=False, token=TOKEN)
    assert (first.status, first.whole, found) == (502, True, [])


def test_bytes_that_leak_into_the_next_answer_are_found(proxy: MemoryProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """F29: a proxy that keeps a connection on which too much came, and gives it to the next request."""

    def release(self: UpstreamConnection, *, complete: bool) -> None:
        self._caller = None
        self._pool.keep(self)

    def start(self: UpstreamConnection, *asked: Any, **how: Any) -> None:
        real(self, *asked, **how)
        late, self._buffer = self._buffer, b""
        if late:
            self.dataReceived(late)

    real = UpstreamConnection.start
    monkeypatch.setattr(UpstreamConnection, "release", release)
    monkeypatch.setattr(UpstreamConnection, "start", start)
    poisoned = RESPONSES[6] + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\npwned"
    _, found = answer_with(proxy, poisoned, [], ends=False, token=TOKEN)
    assert "the second request got" in " ".join(found)


def test_another_reading_than_llhttps_is_found(proxy: MemoryProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """F28: a proxy that lets the connection end a body whose chunks it does not know."""
    monkeypatch.setattr(core_response, "_framing", lambda *_: (Body.UNTIL_CLOSE, -1))
    message = b"HTTP/1.1 200 OK\r\nX-New: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    _, found = answer_with(proxy, message, [], ends=True, token=TOKEN)
    assert "llhttp reads 200 b'ok'" in " ".join(found)


@pytest.mark.parametrize(
    "written",
    [
        b"", b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\nX\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0x\r\n\r\n", b"HTTP/1.1 101 S\r\n\r\n", b"HTTP/1.1 103 E\r\n\r\n" * 9,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n",
    ],
)  # fmt: skip
def test_the_reader_takes_nothing_crooked(written: bytes) -> None:
    """It is the client that would be harmed."""
    with pytest.raises(Crooked):
        read_response(written, b"GET", ended=True)
