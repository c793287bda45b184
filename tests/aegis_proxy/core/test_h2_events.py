from typing import get_args

from aegis_proxy.core import h2_events


def test_every_event_is_a_value() -> None:
    """Events of equal content are equal, and differ from those of other kinds."""
    assert h2_events.Data(1, b"a", 1, False) == h2_events.Data(1, b"a", 1, False)
    assert len(get_args(h2_events.Event)) == 8
