"""Loads Twisted's transports without what they load for others, so that only a proxy that needs it has it.

Twisted's TCP transports load pyOpenSSL where it is installed, for `startTLS`, which nothing here uses: a quarter of the
time until the proxy is ready, and 4 MiB. Where it is not installed they do without; so it is hidden while they load.
TLS that is laid over a transport (`twisted.protocols.tls`) works as ever. The same goes for asyncio, of which Twisted
takes a few classes: its loops, which nothing here runs, have no TLS then, and Python's own OpenSSL is not loaded.

Twisted also loads `http.cookiejar`, to pass it on, and with that half of the standard library that speaks HTTP. It is
loaded when it is first used.
"""

import http
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_COOKIES = "http.cookiejar"


def load_transports() -> None:
    """To be called before anything else loads Twisted's transports; later it changes nothing."""
    if _COOKIES not in sys.modules:
        _load_when_used(_COOKIES)
    with _hidden("ssl"):
        importlib.import_module("asyncio")
    with _hidden("OpenSSL"):
        importlib.import_module("twisted.internet.tcp")
        importlib.import_module("twisted.internet.posixbase")


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Lets a module that is not loaded yet seem not to be installed."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # says "not installed" to the import system
    try:
        yield
    finally:
        del sys.modules[name]


def _load_when_used(name: str) -> None:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    setattr(http, name.rpartition(".")[2], module)
    spec.loader.exec_module(module)
