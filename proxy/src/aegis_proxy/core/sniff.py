"""Whether the first bytes of a redirected connection are HTTP: only then can a request be given a token."""

import re

from aegis_proxy.core.fields import TOKEN
from aegis_proxy.core.head import MAX_TARGET

# A request line, and every beginning of one. The version is left to the parser: the preface of HTTP/2 is a
# `PRI * HTTP/2.0` (RFC 9113 section 3.4).
_HTTP = re.compile(TOKEN + rb"{1,32} [!-~]{1,%d} HTTP/" % MAX_TARGET)
_BEGINNING = re.compile(TOKEN + rb"{0,32}|" + TOKEN + rb"{1,32} [!-~]{0,%d}(?: (?:H(?:T(?:T(?:P)?)?)?)?)?" % MAX_TARGET)
# A client that has one of its own proxies in mind: its CONNECT is for that one to answer.
_CONNECT = b"CONNECT "


def speaks_http(data: bytes) -> bool | None:
    """True for a request, False for any other protocol, None while the bytes can still become either.

    A TLS ClientHello (RFC 8446 section 5.1) is none by its first byte.
    """
    data = data.removeprefix(b"\r\n")  # RFC 9112 section 2.2: ignored before a request
    if data == b"\r":
        return None
    if _HTTP.match(data):
        return not data.startswith(_CONNECT)
    return None if _BEGINNING.fullmatch(data) else False
