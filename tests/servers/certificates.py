"""A certificate authority of the tests' own: server and client certificates for one run, valid for one day."""

import datetime
import ipaddress
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALIDITY = datetime.timedelta(days=1)


@frozen
class KeyPair:
    """The files of a certificate (PEM) and of its private key (PEM, readable by the owner only)."""

    certificate: Path
    key: Path


class CertificateAuthority:
    """Signs certificates and keeps them as files in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = _name("aegis-test-ca")
        self._certificate = (
            _builder(name, name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate_file = folder / "ca.crt"
        self.certificate_file.write_bytes(self._certificate.public_bytes(Encoding.PEM))

    def issue(
        self,
        common_name: str,
        organizations: Sequence[str] = (),
        names: Sequence[str] = (),
        addresses: Sequence[str] = (),
        starts: datetime.timedelta = -datetime.timedelta(minutes=5),
    ) -> KeyPair:
        """A certificate for both TLS roles. Kubernetes reads CN as the user and O as the groups; servers need SANs.

        It is valid for a day from `starts` on, which counts from now.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = _builder(
            _name(common_name, organizations), self._certificate.subject, key.public_key(), starts
        ).add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        if names or addresses:
            alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
            alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        stem = common_name.replace(":", "-")
        pair = KeyPair(self._folder / f"{stem}.crt", self._folder / f"{stem}.key")
        pair.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        write_private(pair.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return pair


def write_signing_key(private: Path, public: Path) -> None:
    """An RSA key pair for ServiceAccount tokens: RS256, as clusters have it by default."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    write_private(private, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def write_private(path: Path, content: bytes) -> None:
    """A file that only its owner may read, from its first byte on."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(content)


def _name(common_name: str, organizations: Sequence[str] = ()) -> x509.Name:
    organization = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name) for name in organizations]
    return x509.Name([*organization, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    starts: datetime.timedelta = -datetime.timedelta(minutes=5),
) -> x509.CertificateBuilder:
    begin = datetime.datetime.now(datetime.UTC) + starts
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + VALIDITY)
    )
