"""Which connections stop speaking HTTP, and for what. RFC 9110 sections 7.8 and 9.3.6, RFC 6455.

An upgrade is asked for by the client and agreed to by the app with 101; until then nothing but HTTP passes.
"""

import re

from aegis_proxy.core.fields import TOKEN, names_in
from aegis_proxy.core.refusals import UPSTREAM_BROKEN, Refused

_PROTOCOL = re.compile(rb"(" + TOKEN + rb"{1,64})(?:/" + TOKEN + rb"{1,32})?")
# Behind these would be HTTP again, in a form that nobody judges, or TLS, which hides it.
_NEVER = frozenset({b"h2c", b"h2", b"h3", b"http", b"tls"})

WEBSOCKET = b"websocket"


def asked_for(upgrade: bytes | None, connection: bytes | None) -> bytes:
    """The protocol that a request asks for, empty for none: one, named in `Upgrade`, with `Connection: upgrade`.

    A request that asks for anything else is one that does not ask: the server may always ignore `Upgrade`.
    """
    if upgrade is None or connection is None or b"upgrade" not in names_in(connection):
        return b""
    match = _PROTOCOL.fullmatch(upgrade)
    return upgrade if match is not None and match[1].lower() not in _NEVER else b""


def agreed(upgrade: bytes | None, connection: bytes | None, asked: bytes) -> bytes:
    """The protocol that a 101 switches to. Raises Refused for one that was not asked for."""
    if not asked:
        raise Refused(UPSTREAM_BROKEN, "an upgrade nobody asked for")
    if asked_for(upgrade, connection).lower() != asked.lower():
        raise Refused(UPSTREAM_BROKEN, "an upgrade to another protocol than was asked for")
    return asked


def upgrade_fields(protocol: bytes) -> bytes:
    """The two lines, ended, with which either side of the proxy speaks of an upgrade."""
    return b"Connection: Upgrade\r\nUpgrade: %b\r\n" % protocol
