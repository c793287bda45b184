import datetime
import ipaddress

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from aegis_local.kube.certificates import make_authority


def loaded(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def test_server_certificate_is_good_for_its_hosts() -> None:
    """A strict verifier accepts it for its names and addresses, and for no other."""
    authority = make_authority("test")
    pair = authority.issue("server", hosts=("127.0.0.1", "a.b.svc"))
    builder = PolicyBuilder().store(Store([loaded(authority.pair.certificate)]))
    for host in (x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("a.b.svc")):
        builder.build_server_verifier(host).verify(loaded(pair.certificate), [])
    with pytest.raises(VerificationError):
        builder.build_server_verifier(x509.DNSName("other.svc")).verify(loaded(pair.certificate), [])


def test_another_authority_does_not_verify_it() -> None:
    """Each authority trusts its own certificates only."""
    pair = make_authority("one").issue("server", hosts=("a.b",))
    other = Store([loaded(make_authority("two").pair.certificate)])
    with pytest.raises(VerificationError):
        PolicyBuilder().store(other).build_server_verifier(x509.DNSName("a.b")).verify(loaded(pair.certificate), [])


def test_client_certificate_names_user_and_group() -> None:
    """As Kubernetes reads them: common name and organization."""
    certificate = loaded(make_authority("test").issue("someone", organization="group").certificate)
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "someone"
    assert certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "group"
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert certificate.not_valid_after_utc > datetime.datetime.now(datetime.UTC)


def test_keys_are_not_shown() -> None:
    """A repr holds no private key."""
    authority = make_authority("test")
    assert "PRIVATE" not in repr(authority)
    assert b"PRIVATE" in authority.pair.key
