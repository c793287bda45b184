"""The issuer of a control plane's ServiceAccount tokens, with its discovery where everybody can read it.

Clusters whose API server cannot be reached by identity providers publish the two documents elsewhere, and tell the API
server so (--service-account-issuer). Here they are fetched from the API server at each request, so they are its own,
but for the address of the key set. The API server has issuer discovery for https alone, so this is served by TLS.
"""

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from servers.certificates import CertificateAuthority
from servers.control_plane import ControlPlane

_KEYS = "/openid/v1/jwks"
_DOCUMENTS = ("/.well-known/openid-configuration", _KEYS)


class PublicIssuer:
    """`with PublicIssuer(folder) as issuer:` runs it at `url`, vouched for by `ca_file`. It answers for `plane`."""

    def __init__(self, folder: Path) -> None:
        authority = CertificateAuthority(folder)
        self.ca_file = authority.certificate_file
        self.plane: ControlPlane | None = None
        own = authority.issue("public-issuer", addresses=["127.0.0.1"])
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(own.certificate, own.key)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"https://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "PublicIssuer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def document(self, path: str) -> bytes | None:
        """What the API server says, or None for what is not published."""
        if self.plane is None or path not in _DOCUMENTS:
            return None
        document = self.plane.client.get(path).ok()
        own = {"jwks_uri": f"{self.url}{_KEYS}"} if "jwks_uri" in document else {}
        return json.dumps({**document, **own}).encode()


def _handler(issuer: PublicIssuer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            document = issuer.document(self.path)
            self.send_response(200 if document is not None else 404)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(document or b"{}")

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing: a test's output is its own."""

    return Handler
