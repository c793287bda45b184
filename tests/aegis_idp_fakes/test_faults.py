"""Trouble that a test asks for."""

import time

import pytest

from aegis_idp.conformance.loopback import HangUp, Received
from aegis_idp_fakes.faults import Faults


def ask(faults: Faults, path: str = "/token") -> tuple[int, str | None] | None:
    answer = faults.next(Received("GET", path, {}, b""))
    return None if answer is None else (answer.status, answer.headers.get("retry-after"))


def test_faults_come_in_turn_and_end() -> None:
    """Each for one request."""
    faults = Faults()
    faults.throttle(times=2, retry_after=5)
    faults.fail(status=500)
    assert [ask(faults) for _ in range(4)] == [(429, "5"), (429, "5"), (500, None), None]
    assert faults.left == 0


def test_a_fault_waits_for_its_path() -> None:
    """Other requests are answered meanwhile."""
    faults = Faults()
    faults.fail(path="/keys")
    assert ask(faults) is None
    assert ask(faults, "/v1/keys") == (503, None)


def test_a_connection_can_end_and_an_answer_can_be_late() -> None:
    """The latter is the real one."""
    faults = Faults()
    faults.hang_up()
    with pytest.raises(HangUp):
        ask(faults)
    faults.slow(0.05)
    start = time.monotonic()
    assert ask(faults) is None
    assert time.monotonic() - start >= 0.05
