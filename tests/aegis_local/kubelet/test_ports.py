"""Ports of this machine."""

import random
import socket

import pytest

from aegis_local.kubelet import ports as module
from aegis_local.kubelet.ports import NoFreePort, Ports


def test_each_port_is_given_once() -> None:
    """Until it is given back; all lie below those of outgoing connections."""
    ports = Ports(random.Random(1))
    first, second = ports.take([8080, 3127]), ports.take([8080])
    given = [*first.values(), *second.values()]
    assert len(set(given)) == 3
    assert all(20000 <= port <= 32767 for port in given)


def test_a_port_that_is_taken_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """With no other port left, that is said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        monkeypatch.setattr(module, "_FIRST", taken)
        monkeypatch.setattr(module, "_LAST", taken)
        with pytest.raises(NoFreePort, match=str(taken)):
            Ports(random.Random(1)).take([1])


def test_a_port_that_was_given_back_is_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The range is not used up by pods that ended."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    monkeypatch.setattr(module, "_FIRST", free)
    monkeypatch.setattr(module, "_LAST", free)
    ports = Ports(random.Random(1))
    assert ports.take([1]) == {1: free}
    ports.give_back([free])
    assert ports.take([2]) == {2: free}
