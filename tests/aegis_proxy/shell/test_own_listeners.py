import pytest

from aegis_proxy.shell.own_listeners import OwnListeners

OURS = OwnListeners()
OURS.add(3127)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "0.0.0.0"])
def test_e04_our_ports_are_ours_under_every_local_address(host: str) -> None:
    """Not only under the one that we listen on."""
    assert (host, 3127) in OURS


@pytest.mark.parametrize("address", [("127.0.0.1", 3128), ("192.0.2.1", 3127), ("2001:db8::1", 3127)])
def test_all_else_is_somebody_elses(address: tuple[str, int]) -> None:
    """Another port, or the same one elsewhere."""
    assert address not in OURS
