"""A certificate authority of the webhook's own, and a serving certificate signed by it.

`python -m aegis_webhook.certificates FOLDER NAME [NAME...]` writes `ca.crt` (the caBundle of the webhook's
configuration), `tls.crt` and `tls.key`, for where no cert-manager does. The authority's key is not kept: who needs a
new certificate makes a new pair.
"""

import argparse
import ipaddress
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from attrs import field, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=365)
_CLOCKS_DIFFER = timedelta(minutes=5)


@frozen
class Serving:
    """All PEM."""

    authority: bytes
    certificate: bytes
    key: bytes = field(repr=False)


def make_serving(names: Sequence[str], now: datetime) -> Serving:
    """A certificate for `names` (DNS names and IP addresses, at least one), good from `now` for a year."""
    ca_key, key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    ca_name = _name("aegis-webhook-ca")
    ca = (
        _certificate(ca_name, ca_name, ca_key.public_key(), ca_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    leaf = (
        _certificate(_name("aegis-webhook"), ca_name, key.public_key(), ca_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    return Serving(
        ca.public_bytes(Encoding.PEM),
        leaf.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: EllipticCurvePublicKey,
    signer: EllipticCurvePublicKey,
    now: datetime,
) -> x509.CertificateBuilder:
    """Strict verifiers (Python 3.13 and later) want the identifiers of both keys."""
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def write_serving(serving: Serving, folder: Path) -> None:
    """Writes the three files; each is replaced whole, and the key is readable by its owner only."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content, mode in (
        ("ca.crt", serving.authority, 0o644),
        ("tls.key", serving.key, 0o600),
        ("tls.crt", serving.certificate, 0o644),
    ):
        fresh = folder / f".{name}"
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(content)
        fresh.replace(folder / name)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m aegis_webhook.certificates", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="+", metavar="name", help="a DNS name or IP address of the webhook")
    settings = parser.parse_args(arguments)
    write_serving(make_serving(settings.names, datetime.now(UTC)), settings.folder)


if __name__ == "__main__":
    main()
