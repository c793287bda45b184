"""TLS of the server: a certificate of our own authority for every connection."""

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator, IProtocolFactory
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

from aegis_local.kube.certificates import KeyPair


@implementer(IOpenSSLServerConnectionCreator)
class _Connections:
    """Twisted's CertificateOptions would do, were its way to pyOpenSSL not deprecated there."""

    def __init__(self, pair: KeyPair) -> None:
        self._context = SSL.Context(SSL.TLS_SERVER_METHOD)
        self._context.set_min_proto_version(SSL.TLS1_2_VERSION)
        self._context.use_certificate(x509.load_pem_x509_certificate(pair.certificate))
        key: Any = serialization.load_pem_private_key(pair.key, None)
        self._context.use_privatekey(key)

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:  # noqa: N803  # Twisted's name
        return SSL.Connection(self._context, None)


def over_tls(factory: IProtocolFactory, pair: KeyPair) -> TLSMemoryBIOFactory:
    """The factory's protocols behind TLS (1.2 or later) with this certificate."""
    return TLSMemoryBIOFactory(_Connections(pair), False, factory)
