"""Unseals subjects with the centre's private key.

A sealed subject is 4 bytes of key id, then `enc` and the ciphertext of HPKE (RFC 9180, base mode). `info` binds it to its event.
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
    """The subject was not sealed to this key and for this event."""


def key_id(key: X25519PublicKey) -> bytes:
    """The id of a key: the first 4 bytes of SHA-256 of the raw public key."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).digest()[:KEY_ID_BYTES]


def hpke_info(recipient_key_id: bytes, event_id: UUID) -> bytes:
    """The `info` of HPKE. It prevents that a sealed subject is moved to another event."""
    return b"entrance-kiosk/subject/1" + recipient_key_id + event_id.bytes


def unseal_subject(private_key: X25519PrivateKey, sealed: bytes, event_id: UUID) -> dict[str, Any]:
    """The subject: {"ids": [[scheme, value], ...], "name", "born"}. Raises UnsealError."""
    expected = key_id(private_key.public_key())
    if sealed[:KEY_ID_BYTES] != expected:
        raise UnsealError(f"sealed to key {sealed[:KEY_ID_BYTES].hex()}, this is key {expected.hex()}")
    try:
        plain = SUITE.decrypt(sealed[KEY_ID_BYTES:], private_key, info=hpke_info(expected, event_id))
        subject = json.loads(plain)
    except (InvalidTag, ValueError) as error:
        raise UnsealError("damaged, or of another event") from error
    if not isinstance(subject, dict):
        raise UnsealError("it contains no subject")
    return subject
