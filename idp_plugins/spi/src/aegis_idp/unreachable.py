"""Why a server did not answer, in words that say what to look at. Nothing of what was sent is in them."""

import socket
import ssl

OUT_OF_REACH = "is the address right, and does a firewall or NetworkPolicy let this host go there?"
"""What to look at where nobody answers in time."""

_PLAIN = ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST")
_TRUST = "it must be of an authority that is trusted here, or of one that the file $SSL_CERT_FILE holds"


def why(error: BaseException) -> str:
    """The reason of a failed connection, which other errors may be wrapped around."""
    cause = _cause(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not taken: {_one_line(cause.verify_message)}; {_TRUST}"
    if isinstance(cause, ssl.SSLError):
        if any(word in str(cause) for word in _PLAIN):
            return "what listens there speaks no TLS: is the address to be http, or is the port another one?"
        return f"TLS failed: {_one_line(str(cause))}"
    if isinstance(cause, socket.gaierror):
        return f"the name of the host is not known here: {_one_line(cause.strerror or str(cause))}"
    if isinstance(cause, ConnectionRefusedError):
        return "nobody listens there (connection refused): is the address right, and the server running?"
    if isinstance(cause, TimeoutError):
        return f"no answer in time: {OUT_OF_REACH}"
    return _one_line(str(cause)) or type(cause).__name__


def _cause(error: BaseException) -> BaseException:
    """The innermost error of a socket, or the error itself. Libraries wrap it, and make their own of the same names."""
    found, seen = error, {id(error)}
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ssl.SSLError | socket.gaierror | ConnectionError | TimeoutError):
            found = inner
        inner = inner.__cause__ or inner.__context__
        if id(inner) in seen:
            break
        seen.add(id(inner))
    return found


def _one_line(text: str) -> str:
    return " ".join(text.split())
