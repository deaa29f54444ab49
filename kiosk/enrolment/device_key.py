"""The private key of this device and its certificate request. The key never leaves the device."""

import re
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mqtt.broker.key_errors import UNREADABLE_KEY

SERIAL_FILE = Path("/sys/firmware/devicetree/base/serial-number")
"""Serial number of a Raspberry Pi. Other boards with a device tree have it too."""
MAX_SERIAL_LENGTH = 64


class DeviceKeyError(ValueError):
    """The stored key is damaged."""


def make_key() -> bytes:
    """A new P-256 key, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_key_der(key_pem: bytes) -> bytes:
    """SubjectPublicKeyInfo of a key. Raises DeviceKeyError."""
    return (
        _load(key_pem)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def make_request(key_pem: bytes, common_name: str, hardware_serial: str) -> bytes:
    """The certificate request, DER. The same key and names give the same bytes. Raises DeviceKeyError."""
    names = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if hardware_serial:
        names.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, hardware_serial))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
    request = builder.sign(_load(key_pem), hashes.SHA256(), ecdsa_deterministic=True)
    return request.public_bytes(serialization.Encoding.DER)


def read_hardware_serial(path: Path = SERIAL_FILE) -> str:
    """Serial number of the board. Empty: it has none."""
    try:
        raw = path.read_bytes()[:256]
    except OSError:
        return ""
    return re.sub(r"[^0-9A-Za-z._-]", "", raw.decode("ascii", "replace"))[:MAX_SERIAL_LENGTH]


def _load(key_pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(key_pem, None)
    except UNREADABLE_KEY as error:
        raise DeviceKeyError("the private key of this device is damaged") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise DeviceKeyError("the private key of this device is no EC key")
    return key
