"""Ports of this machine for the ports of pods."""

import random
import socket
from collections.abc import Iterable

# Below the ports that Linux and macOS give to outgoing connections, so that none of those can take one of ours.
_FIRST, _LAST = 20000, 32767


class NoFreePort(Exception):  # says what is the matter
    """Every port of the range is taken."""


class Ports:
    """Hands out free loopback ports, each one once at a time."""

    def __init__(self, random_source: random.Random) -> None:
        self._random = random_source
        self._given: set[int] = set()

    def take(self, wanted: Iterable[int]) -> dict[int, int]:
        """A local port for each wanted one. Raises NoFreePort."""
        return {port: self._free() for port in wanted}

    def give_back(self, ports: Iterable[int]) -> None:
        """Let others have these local ports."""
        self._given.difference_update(ports)

    def _free(self) -> int:
        for port in self._random.sample(range(_FIRST, _LAST + 1), _LAST + 1 - _FIRST):
            if port not in self._given and _can_listen(port):
                self._given.add(port)
                return port
        raise NoFreePort(f"every port from {_FIRST} to {_LAST} is taken")


def _can_listen(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
