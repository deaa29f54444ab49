"""Certificates as people make them, good and bad, as files in a folder."""

import ipaddress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.now(UTC)
HOST = "127.0.0.1"
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass
class Party:
    """A certificate and its key, both written as NAME.pem and NAME.key."""

    certificate: x509.Certificate
    key: Key


@dataclass
class Workshop:
    """Makes certificates in a folder."""

    folder: Path
    parties: dict[str, Party] = field(default_factory=dict)

    def make(
        self,
        name: str,
        issuer: str | None = None,
        *,
        is_authority: bool = False,
        days: tuple[int, int] = (-10, 10),
        hosts: tuple[str, ...] = (HOST,),
        use: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.SERVER_AUTH,
        key: Key | None = None,
        common_name: str | None = None,
    ) -> Party:
        """`days`: first and last day of validity from now. Without `issuer` it signs itself."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name or name)])
        signer = self.parties[issuer] if issuer else None
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(signer.certificate.subject if signer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW + timedelta(days=days[0]))
            .not_valid_after(NOW + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if hosts and not is_authority:
            names = [
                x509.IPAddress(ipaddress.ip_address(each)) if each[0].isdigit() else x509.DNSName(each)
                for each in hosts
            ]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if use is not None and not is_authority:
            builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        made = Party(builder.sign(signer.key if signer else key, hashes.SHA256()), key)
        self.parties[name] = made
        self.write(f"{name}.pem", made.certificate.public_bytes(Encoding.PEM))
        self.write_key(f"{name}.key", key)
        return made

    def write(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def write_key(self, name: str, key: Key, password: bytes | None = None) -> Path:
        lock: KeySerializationEncryption = BestAvailableEncryption(password) if password else NoEncryption()
        return self.write(name, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))

    def bytes_of(self, *names: str) -> bytes:
        return b"".join((self.folder / name).read_bytes() for name in names)
