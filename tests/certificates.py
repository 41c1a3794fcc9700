"""Certificates of a test's own: an authority, and servers that it vouches for, rightly or not."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Authority:
    """Signs certificates; ``cafile`` is what a client must trust."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def cafile(self) -> Path:
        return self.folder / "authority.pem"

    def vouch(self, address: str, *, valid_for: timedelta = timedelta(days=1)) -> tuple[Path, Path]:
        """The certificate and key files of a server at ``address``; expired if ``valid_for`` is negative."""
        return self._vouch(address, x509.IPAddress(ip_address(address)), valid_for=valid_for)

    def vouch_for_name(self, name: str, *, valid_for: timedelta = timedelta(days=1)) -> tuple[Path, Path]:
        """The same for a server with a name."""
        return self._vouch(name, x509.DNSName(name), valid_for=valid_for)

    def _vouch(self, address: str, name: x509.GeneralName, *, valid_for: timedelta) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(address, self.certificate.subject, key, ends_at=datetime.now(UTC) + valid_for)
            .add_extension(x509.SubjectAlternativeName([name]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
            .sign(self.key, hashes.SHA256())
        )
        certfile, keyfile = self.folder / f"{address}.pem", self.folder / f"{address}.key"
        certfile.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        keyfile.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certfile, keyfile


def found_authority(folder: Path) -> Authority:
    """A new authority that keeps its files in ``folder``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    certificate = (
        _builder("Test authority", name, key, ends_at=datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_may_sign(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    authority = Authority(folder, key, certificate)
    authority.cafile.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return authority


def _builder(
    common_name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, ends_at: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends_at - timedelta(days=30))
        .not_valid_after(ends_at)
    )


def _may_sign() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
