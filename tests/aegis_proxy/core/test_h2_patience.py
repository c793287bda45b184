import pytest

from aegis_proxy.core.h2_errors import ConnectionFault
from aegis_proxy.core.h2_frames import ENHANCE_YOUR_CALM
from aegis_proxy.core.h2_patience import FRAME, RESET, Patience


def spend_all(patience: Patience, cost: float) -> int:
    for count in range(10_000):
        try:
            patience.spend(cost)
        except ConnectionFault:
            return count
    raise AssertionError("without end")


def test_patience_ends() -> None:
    """A peer may cause a thousand frames of work for nothing, or two hundred resets."""
    assert spend_all(Patience(), FRAME) == 1000
    assert spend_all(Patience(), RESET) == 200


def test_patience_comes_back_with_time() -> None:
    """Up to where it was, at 200 frames a second."""
    patience = Patience()
    patience.wait(10.0)
    spend_all(patience, FRAME)
    patience.wait(11.0)
    assert spend_all(patience, FRAME) == 199
    patience.wait(10_000.0)
    assert spend_all(patience, FRAME) == 1000


def test_useful_work_earns_patience() -> None:
    """Up to where it was."""
    patience = Patience()
    for _ in range(2000):
        patience.spend(FRAME)
        patience.earn(FRAME)
    patience.earn(500.0)
    assert spend_all(patience, FRAME) == 1000


def test_the_fault_names_what_was_too_much() -> None:
    """So that the log explains the GOAWAY."""
    patience = Patience()
    with pytest.raises(ConnectionFault, match="too many resets") as caught:
        patience.spend(1001.0)
    assert caught.value.code == ENHANCE_YOUR_CALM
