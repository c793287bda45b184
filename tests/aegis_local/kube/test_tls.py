from contextlib import suppress

from OpenSSL import SSL
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.tls import TLSMemoryBIOProtocol

from aegis_local.kube.certificates import make_authority
from aegis_local.kube.tls import over_tls


def test_each_connection_shows_the_certificate() -> None:
    """Over TLS 1.2 or later."""
    pair = make_authority("test").issue("server", hosts=("a.b",))
    protocol = over_tls(Factory.forProtocol(Protocol), pair).buildProtocol(None)
    assert isinstance(protocol, TLSMemoryBIOProtocol)
    server = protocol.factory._creatorCallable(protocol)
    server.set_accept_state()
    client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
    client.set_connect_state()
    for _ in range(4):
        for one, other in ((client, server), (server, client)):
            with suppress(SSL.WantReadError):
                one.do_handshake()
            with suppress(SSL.WantReadError):
                other.bio_write(one.bio_read(65536))
    shown = client.get_peer_certificate(as_cryptography=True)
    assert shown is not None
    assert shown.subject.rfc4514_string() == "CN=server"
    assert client.get_protocol_version_name() in ("TLSv1.2", "TLSv1.3")
