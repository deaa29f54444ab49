"""Checks what the centre gave: the certificate of this device, and the signed bundle. Pure."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from kiosk.core import file_names
from kiosk.credentials.formats import cose
from mqtt.broker.certificate_errors import UNREADABLE_CERTIFICATE

BUNDLE_CONTEXT = b"entrance-kiosk/enrolment-bundle/1"  # mqtt/centre/enrolment/bundle.py
BUNDLE_VERSION = 1
FILE_NAMES = MappingProxyType(
    {
        "root_public_key": file_names.ROOT_PUBLIC_KEY,
        "sealing_public_key": file_names.SEALING_PUBLIC_KEY,
        "trust_list": file_names.TRUST_LIST,
        "denylist": file_names.DENYLIST,
        "fleet_public_key": file_names.FLEET_PUBLIC_KEY,
    }
)
"""Name in the bundle -> name on this device."""
_REQUIRED = ("root_public_key", "sealing_public_key", "trust_list")


class CheckError(Exception):
    """What arrived cannot be used. The text names the rule."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle with a valid signature, for this device."""

    brokers: tuple[str, ...]
    url: str
    values: str
    """Configuration values, TOML."""
    files: dict[str, bytes] = field(repr=False)
    """By their name on this device."""


@dataclass(frozen=True, slots=True)
class Validity:
    """Life of a certificate."""

    begins_at: datetime
    ends_at: datetime


def check_certificate(pem: bytes, authority_pem: bytes, name: str, public_key_der: bytes) -> Validity:
    """Issued by the authority, for this name and this key? The caller judges the dates. Raises CheckError."""
    try:
        certificate, authority = map(x509.load_pem_x509_certificate, (pem, authority_pem))
        certificate.verify_directly_issued_by(authority)
        found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (*UNREADABLE_CERTIFICATE, InvalidSignature) as error:
        raise CheckError("the certificate is not signed by the authority") from error
    if [each.value for each in found] != [name]:
        raise CheckError("the certificate is for another device")
    if key != public_key_der:
        raise CheckError("the certificate is for another key")
    return Validity(certificate.not_valid_before_utc, certificate.not_valid_after_utc)


def validity_of(pem: bytes) -> Validity:
    """Life of a certificate of this device. Raises CheckError."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except UNREADABLE_CERTIFICATE as error:
        raise CheckError("the certificate cannot be read") from error
    return Validity(certificate.not_valid_before_utc, certificate.not_valid_after_utc)


def open_bundle(data: bytes, authority_pem: bytes, site: str, device: str) -> Bundle:
    """Check signature, version and name of a bundle. Raises CheckError."""
    try:
        key = x509.load_pem_x509_certificate(authority_pem).public_key()
        signed = cose.parse_sign1(data)
        is_valid = isinstance(key, ec.EllipticCurvePublicKey) and cose.is_signature_valid(
            key, signed.signature, signed.signature_input(BUNDLE_CONTEXT)
        )
        content = cose.decode_deterministic_cbor(signed.payload) if is_valid else None
    except UNREADABLE_CERTIFICATE as error:
        raise CheckError("the bundle is damaged") from error
    match content:
        case {
            "version": 1, "site": str(of_site), "device": str(of_device), "brokers": [*brokers], "url": str(url),
            "values": str(values), "files": dict(files),
        } if (of_site, of_device) == (site, device):  # fmt: skip
            return Bundle(tuple(map(str, brokers)), url, values, _files(files))
        case None:
            raise CheckError("the bundle is not signed by the authority")
    raise CheckError("the bundle is for another device or release")


def _files(found: dict[Any, Any]) -> dict[str, bytes]:
    named = {FILE_NAMES[name]: content for name, content in found.items() if name in FILE_NAMES}
    complete = all(name in found for name in _REQUIRED)
    if not complete or not all(isinstance(content, bytes) for content in named.values()):
        raise CheckError("a file is missing in the bundle")
    return named


def is_valid_at(validity: Validity, now: datetime) -> bool:
    """Whether the certificate counts at that time."""
    return validity.begins_at <= now.astimezone(UTC) < validity.ends_at
