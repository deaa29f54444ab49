"""Reads certificate requests (PKCS#10) of kiosks. Pure and bounded: the bytes come from the network."""

import base64
import hashlib
import re
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from mqtt.broker.certificate_errors import UNREADABLE_CERTIFICATE

MAX_REQUEST_BYTES = 8192
"""In base64. A request with a P-256 key has about 400."""
MAX_SERIAL_LENGTH = 64
_PEM_LINE = re.compile(rb"-----(BEGIN|END) (NEW )?CERTIFICATE REQUEST-----")
_UNSAFE = re.compile(r"[^0-9A-Za-z._-]")


class CertificateRequestError(ValueError):
    """The request cannot be used. The text says why, without its content."""


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A request whose own signature is valid."""

    common_name: str
    """SITE/DEVICE as the kiosk wrote it. The certificate gets the name of the invitation."""
    hardware_serial: str
    """Serial number of the board. Empty: it says none."""
    public_key: ec.EllipticCurvePublicKey = field(repr=False)
    public_key_der: bytes = field(repr=False)
    """SubjectPublicKeyInfo."""

    @property
    def key_hash(self) -> str:
        """SHA-256 of the public key, in hex."""
        return hashlib.sha256(self.public_key_der).hexdigest()


def parse_request(body: bytes) -> CertificateRequest:
    """Read the body of an enrolment: base64 of DER (RFC 7030 section 4.2.1), with or without PEM lines.

    Raises CertificateRequestError.
    """
    if len(body) > MAX_REQUEST_BYTES:
        raise CertificateRequestError(f"the request is larger than {MAX_REQUEST_BYTES} bytes")
    try:
        der = base64.b64decode(b"".join(_PEM_LINE.sub(b"", body).split()), validate=True)
        request = x509.load_der_x509_csr(der)
        key = request.public_key()
        is_signed = request.is_signature_valid
    except UNREADABLE_CERTIFICATE as error:
        raise CertificateRequestError("the body is not a PKCS#10 request in base64") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CertificateRequestError("the key of the request is not an EC key on P-256")
    if not is_signed:
        raise CertificateRequestError("the request is not signed by its own key")
    public_key_der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    serial = _UNSAFE.sub("", _attribute(request, NameOID.SERIAL_NUMBER))[:MAX_SERIAL_LENGTH]
    return CertificateRequest(_attribute(request, NameOID.COMMON_NAME), serial, key, public_key_der)


def _attribute(request: x509.CertificateSigningRequest, oid: x509.ObjectIdentifier) -> str:
    """The first attribute of this kind. Empty: there is none."""
    try:
        found = request.subject.get_attributes_for_oid(oid)
    except UNREADABLE_CERTIFICATE as error:
        raise CertificateRequestError("the name in the request cannot be read") from error
    return str(found[0].value) if found else ""
