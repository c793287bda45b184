import subprocess
import sys

from aegis_proxy.shell.transports_without_tls import load_transports

LOADED = """
import sys
from aegis_proxy.shell.transports_without_tls import load_transports
load_transports()
import aegis_proxy.shell.main
from aegis_proxy.shell.reactor import install
install()
print([name for name in ("OpenSSL", "treq", "_ssl", "_hashlib", "urllib.request") if name in sys.modules])
import http.cookiejar
print(http.cookiejar.CookieJar.__name__, "urllib.request" in sys.modules)
from http.client import HTTPSConnection
print(HTTPSConnection.__name__)
import aegis_proxy.shell.dial
from twisted.internet.endpoints import wrapClientTLS, HostnameEndpoint
from twisted.internet import reactor
from twisted.internet.ssl import optionsForClientTLS
wrapClientTLS(optionsForClientTLS("a.example"), HostnameEndpoint(reactor, b"a.example", 443))
print("OpenSSL" in sys.modules)
"""


def test_only_who_speaks_tls_loads_it() -> None:
    """The whole proxy is loaded without, and without what speaks HTTP for programs; who uses these loads them then."""
    ran = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.splitlines() == ["[]", "CookieJar True", "HTTPSConnection", "True"]


def test_where_tls_is_loaded_already_nothing_is_hidden() -> None:
    """Twisted's tests, and ours, run with both."""
    import OpenSSL

    load_transports()
    assert sys.modules["OpenSSL"] is OpenSSL
