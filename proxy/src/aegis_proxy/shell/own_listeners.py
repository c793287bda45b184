"""The proxy's own listeners, under every address of this machine or pod: nothing is ever sent to them for an app."""

import socket
from collections.abc import Container

from aegis_proxy.shell.upstream import Address


class OwnListeners(Container[Address]):
    """By (IP address, port). `add` says which ports we listen on."""

    def __init__(self) -> None:
        self._ports: set[int] = set()

    def add(self, port: int) -> None:
        self._ports.add(port)

    def __contains__(self, address: object) -> bool:
        return isinstance(address, tuple) and address[1] in self._ports and _is_local(address[0])


def _is_local(host: str) -> bool:
    """Whether an IP address is one of ours: only those can be bound."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True
