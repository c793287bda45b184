import pytest
from attrs.exceptions import FrozenInstanceError

from aegis_proxy.settings import HostPort, Settings


def test_addresses_show_as_they_are_written() -> None:
    """HOST:PORT, IPv6 in brackets."""
    assert str(HostPort("localhost", 80)) == "localhost:80"
    assert str(HostPort("::1", 80)) == "[::1]:80"


def test_settings_are_read_once() -> None:
    """Nothing changes them later."""
    with pytest.raises(FrozenInstanceError):
        Settings(namespace="shop").namespace = "other"  # type: ignore[misc]  # that is what is refused
