"""X.509: a certificate authority for broker, centre and devices, and self-signed certificates.

Keys are EC P-256: a Raspberry Pi verifies them in a millisecond, and every TLS library supports them.
"""

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mqtt.broker.certificate_errors import UNREADABLE_CERTIFICATE
from mqtt.broker.key_password import load_authority_key
from mqtt.broker.pki_error import PkiError

CA_VALID_DAYS = 3650
CRL_VALID_DAYS = 3650
CLOCK_SKEW = timedelta(days=1)
"""Certificates start earlier by this, so that a peer with a slow clock accepts them."""

PrivateKey = ec.EllipticCurvePrivateKey


class CertificateUse(Enum):
    """What a certificate is for."""

    SERVER = ExtendedKeyUsageOID.SERVER_AUTH
    CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """One certificate in the folder."""

    name: str
    path: Path
    serial: int
    not_after_at: datetime
    revoked: bool


class CertificateAuthority:
    """A folder with ca.pem, ca.key (keep it offline), crl.pem, and all issued certificates."""

    def __init__(self, folder: Path, password: bytes | None = None) -> None:
        """Open an existing folder. `password`: of ca.key, where it has one. Raises PkiError, LockedKeyError without a password."""
        self.folder = folder
        try:
            self.certificate = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
            self._key = load_authority_key(folder / "ca.key", password)
            self._crl = x509.load_pem_x509_crl((folder / "crl.pem").read_bytes())
            certified = self.certificate.public_key()
        except OSError as error:
            raise PkiError(f"{error.filename}: {error.strerror}; `kiosk pki init` makes an authority") from error
        except UNREADABLE_CERTIFICATE as error:
            raise PkiError(f"{folder}: contains no valid authority: {error}") from error
        if certified != self._key.public_key():
            raise PkiError(f"{folder / 'ca.key'}: is not the key of ca.pem")

    @classmethod
    def create(cls, folder: Path, name: str, now: datetime, days: int = CA_VALID_DAYS) -> "CertificateAuthority":
        """Create an authority. Raises PkiError where one exists, because devices trust it, and where it cannot be written."""
        if (folder / "ca.key").exists():
            raise PkiError(f"{folder}: there is an authority already; it is not replaced")
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise PkiError(f"{folder} cannot be made: {error.strerror}.") from error
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _x509_name(name)
        certificate = (
            _certificate_builder(subject, subject, key.public_key(), now, days, issuer_key=key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        crl = _crl_builder(certificate, now).sign(key, hashes.SHA256())
        _write_files(
            {
                folder / "ca.pem": certificate.public_bytes(serialization.Encoding.PEM),
                folder / "crl.pem": crl.public_bytes(serialization.Encoding.PEM),
                folder / "ca.key": _key_pem(key),
            }
        )
        return cls(folder)

    def issue(
        self, name: str, use: CertificateUse, now: datetime, days: int, hosts: Sequence[str] = ()
    ) -> IssuedCertificate:
        """A new key and certificate for `name`. Issue again to renew. The old certificate stays valid until it expires.

        `hosts` are the DNS names and addresses of a server. A client has its name as its only DNS name, with a dot for the slash:
        brokers with dots in their topic rights (RabbitMQ) take that for the user. Returns where the files are: NAME.pem, NAME.key.
        Raises PkiError.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names = [_general_name(host) for host in hosts]
        if use is CertificateUse.CLIENT:
            names = [x509.DNSName(dotted_name(name))]
        certificate = self._sign(key.public_key(), name, use=use, names=names, now=now, days=days)
        path = self.folder / f"{dotted_name(name)}.pem"
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        _write_files({path.with_suffix(".key"): _key_pem(key), path: pem})
        return self._issued_certificate(path, certificate)

    def sign_client(
        self, public_key: ec.EllipticCurvePublicKey, name: str, now: datetime, days: int
    ) -> x509.Certificate:
        """A certificate for a client that keeps its private key itself. Nothing is written."""
        names = [x509.DNSName(dotted_name(name))]
        return self._sign(public_key, name, use=CertificateUse.CLIENT, names=names, now=now, days=days)

    def sign_message(self, message: bytes) -> bytes:
        """ECDSA with SHA-256 over a message, as r and s of 32 bytes each (RFC 9053 section 2.1)."""
        r, s = decode_dss_signature(self._key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def _sign(
        self,
        public_key: ec.EllipticCurvePublicKey,
        name: str,
        *,
        use: CertificateUse,
        names: Sequence[x509.GeneralName],
        now: datetime,
        days: int,
    ) -> x509.Certificate:
        subject = _x509_name(name)
        builder = (
            _certificate_builder(subject, self.certificate.subject, public_key, now, days, issuer_key=self._key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use.value]), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def is_revoked(self, serial: int) -> bool:
        """Whether the certificate is on the revocation list."""
        return self._crl.get_revoked_certificate_by_serial_number(serial) is not None

    def revoke(self, serials: Sequence[int], now: datetime) -> None:
        """Add certificates to the revocation list. The broker reads it at SIGHUP or start. Raises PkiError.

        A certificate that is on the list stays there once.
        """
        builder = _crl_builder(self.certificate, now)
        for entry in self._crl:
            builder = builder.add_revoked_certificate(entry)
        for serial in dict.fromkeys(serials):
            if not self.is_revoked(serial):
                revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
                builder = builder.add_revoked_certificate(revoked)
        crl = builder.sign(self._key, hashes.SHA256())
        _write_files({self.folder / "crl.pem": crl.public_bytes(serialization.Encoding.PEM)})
        self._crl = crl

    def issued(self) -> list[IssuedCertificate]:
        """All certificates in the folder, by name. Raises PkiError."""
        paths = [path for path in sorted(self.folder.glob("*.pem")) if path.name not in ("ca.pem", "crl.pem")]
        return [self._issued_certificate(path, _read_certificate(path)) for path in paths]

    def _issued_certificate(self, path: Path, certificate: x509.Certificate) -> IssuedCertificate:
        revoked = self.is_revoked(certificate.serial_number)
        return IssuedCertificate(
            _common_name(certificate), path, certificate.serial_number, certificate.not_valid_after_utc, revoked
        )


def dotted_name(common_name: str) -> str:
    """The name of a client as brokers know it that have no slash in topics: `SITE.DEVICE`, or `centre`."""
    return common_name.replace("/", ".")


def _read_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise PkiError(f"{path} cannot be read: {error.strerror}.") from error
    except UNREADABLE_CERTIFICATE as error:
        raise PkiError(f"{path} is not a certificate in PEM form. Move it out of the folder.") from error


def _common_name(certificate: x509.Certificate) -> str:
    """Empty: it has none that can be read."""
    try:
        found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except UNREADABLE_CERTIFICATE:
        return ""
    return str(found[0].value) if found else ""


def make_self_signed(name: str, hosts: Sequence[str], now: datetime, days: int) -> tuple[bytes, str]:
    """A new key and a self-signed server certificate in one PEM, and the SHA-256 fingerprint."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _x509_name(name)
    certificate = (
        _certificate_builder(subject, subject, key.public_key(), now, days, issuer_key=key)
        .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = _key_pem(key) + certificate.public_bytes(serialization.Encoding.PEM)
    return pem, certificate.fingerprint(hashes.SHA256()).hex(":")


def _x509_name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _certificate_builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    now: datetime,
    days: int,
    *,
    issuer_key: PrivateKey,
) -> x509.CertificateBuilder:
    """With the identifiers of both keys: strict clients want them (RFC 5280 4.2.1.1; the default contexts of Python 3.13)."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - CLOCK_SKEW)
        .not_valid_after(now.astimezone(UTC) + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


def _crl_builder(authority: x509.Certificate, now: datetime) -> x509.CertificateRevocationListBuilder:
    public_key = authority.public_key()
    assert isinstance(public_key, ec.EllipticCurvePublicKey)
    return (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(now.astimezone(UTC) - CLOCK_SKEW)
        .next_update(now.astimezone(UTC) + timedelta(days=CRL_VALID_DAYS))
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public_key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_files(contents: dict[Path, bytes]) -> None:
    """Write all files or none: a key and its certificate belong together. Only the owner can ever read a key. Raises PkiError."""
    drafts = {path: path.with_name(f".{path.name}.new") for path in contents}
    try:
        for path, draft in drafts.items():
            draft.unlink(missing_ok=True)
            mode = 0o600 if path.suffix == ".key" else 0o666
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                file.write(contents[path])
                file.flush()
                os.fsync(file.fileno())
        for path, draft in drafts.items():
            draft.replace(path)
    except OSError as error:
        names = ", ".join(str(path) for path in contents)
        raise PkiError(f"{names} cannot be written: {error.strerror}. Nothing was left half written.") from error
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)
