"""The issuer of a control plane's ServiceAccount tokens, with its discovery where everybody can read it.

Clusters whose API server cannot be reached by identity providers publish the two documents elsewhere, and tell the API
server so (--service-account-issuer). Here they are fetched from the API server at each request, so they are its own,
but for the address of the key set. The API server has issuer discovery for https alone, so this is served by TLS.
"""

import ssl
from pathlib import Path

from aegis_idp.conformance.loopback import Answer, LoopbackServer, Received
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
        self._server = LoopbackServer(self._answer, tls)
        self.url = self._server.url

    def __enter__(self) -> "PublicIssuer":
        self._server.__enter__()
        return self

    def __exit__(self, *ended: object) -> None:
        self._server.__exit__(*ended)

    def _answer(self, asked: Received) -> Answer:
        """What the API server says, or 404 for what is not published."""
        if self.plane is None or asked.path not in _DOCUMENTS:
            return Answer.json(404, {})
        document = self.plane.client.get(asked.path).ok()
        own = {"jwks_uri": f"{self.url}{_KEYS}"} if "jwks_uri" in document else {}
        return Answer.json(200, {**document, **own})
