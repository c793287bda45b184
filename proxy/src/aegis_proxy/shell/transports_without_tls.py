"""Loads Twisted's transports without its TLS, so that only a proxy that speaks TLS loads that.

Twisted's TCP transports load pyOpenSSL where it is installed, for `startTLS`, which nothing here uses: a quarter of the
time until the proxy is ready, and 4 MiB. Where it is not installed they do without; so it is hidden while they load.
TLS that is laid over a transport (`twisted.protocols.tls`) works as ever.
"""

import importlib
import sys

_HIDDEN = "OpenSSL"


def load_transports() -> None:
    """To be called before anything else loads Twisted's transports; later it changes nothing."""
    if _HIDDEN in sys.modules:
        return
    sys.modules[_HIDDEN] = None  # type: ignore[assignment]  # says "not installed" to the import system
    try:
        importlib.import_module("twisted.internet.tcp")
        importlib.import_module("twisted.internet.posixbase")
    finally:
        del sys.modules[_HIDDEN]
