"""A listener whose callers speak HTTP from their first byte on."""

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from aegis_proxy.shell.server import Server
from aegis_proxy.shell.server_connection import ServerConnection


class Listener(Factory):
    """In front of a server."""

    noisy = False

    def __init__(self, server: Server) -> None:
        self._server = server

    def buildProtocol(self, addr: IAddress | None) -> ServerConnection | None:
        if not self._server.has_room():
            return None
        return ServerConnection(self._server, str(getattr(addr, "host", "")).encode())
