"""The opening half of sealed subjects: what the centre's tracing tool needs, beside the private key.

A sealed subject is 4 bytes of key id, then HPKE's `enc` and ciphertext (RFC 9180 base mode), bound to its passage by `info`.
"""

import hashlib
import json
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEY_ID_BYTES = 4
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


class UnsealError(ValueError):
    """The bytes do not open with this key and this passage."""


def key_id(key: X25519PublicKey) -> bytes:
    """Which key a subject was sealed to: the first 4 bytes of SHA-256 of the raw public key."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).digest()[:KEY_ID_BYTES]


def hpke_info(recipient_key_id: bytes, event_id: UUID) -> bytes:
    """HPKE's info: nobody can move a sealed subject to another passage."""
    return b"entrance-kiosk/subject/1" + recipient_key_id + event_id.bytes


def unseal_subject(private_key: X25519PrivateKey, sealed: bytes, event_id: UUID) -> dict[str, Any]:
    """Open a subject: {"ids": [[scheme, value], ...], "name", "born"}. Raises NotSealed."""
    expected = key_id(private_key.public_key())
    if sealed[:KEY_ID_BYTES] != expected:
        raise UnsealError(f"sealed to key {sealed[:KEY_ID_BYTES].hex()}, this is key {expected.hex()}")
    try:
        plain = SUITE.decrypt(sealed[KEY_ID_BYTES:], private_key, info=hpke_info(expected, event_id))
        subject = json.loads(plain)
    except (InvalidTag, ValueError) as error:
        raise UnsealError("damaged, or of another passage") from error
    if not isinstance(subject, dict):
        raise UnsealError("no subject inside")
    return subject
