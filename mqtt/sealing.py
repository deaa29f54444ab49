"""Unseals subjects with the centre's private key.

A sealed subject is 4 bytes of key id, then `enc` and the ciphertext of HPKE (RFC 9180, base mode). `info` binds it to its event.
"""

import hashlib
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic_core import from_json

KEY_ID_BYTES = 4
_INFO = b"entrance-kiosk/subject/1"
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_ANY_PRIVATE_KEY = X25519PrivateKey.from_private_bytes(bytes(range(32)))  # protects nothing


class UnsealError(ValueError):
    """The subject was not sealed to this key and for this event."""


class MissingKeyError(UnsealError):
    """The private key is not here: it was not given, or it was destroyed."""


def key_id(key: X25519PublicKey) -> bytes:
    """The id of a key: the first 4 bytes of SHA-256 of the raw public key."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).digest()[:KEY_ID_BYTES]


def is_usable(key: X25519PublicKey) -> bool:
    """Whether something can be sealed to the key. To a point of small order nothing can (RFC 7748 section 6.1)."""
    try:
        _ANY_PRIVATE_KEY.exchange(key)
    except ValueError:
        return False
    return True


def hpke_info(recipient_key_id: bytes, event_id: UUID) -> bytes:
    """The `info` of HPKE. It prevents that a sealed subject is moved to another event."""
    return _INFO + recipient_key_id + event_id.bytes


class Unsealer:
    """Unseals with any of several private keys, chosen by the key id. Any thread."""

    def __init__(self, private_keys: Iterable[X25519PrivateKey]) -> None:
        self._keys = {key_id(key.public_key()): key for key in private_keys}

    @property
    def key_ids(self) -> frozenset[bytes]:
        """Ids of the keys."""
        return frozenset(self._keys)

    def unseal(self, sealed: bytes, event_id: UUID) -> dict[str, Any]:
        """The subject: {"ids": [[scheme, value], ...], "name", "born"}. Raises UnsealError, and MissingKeyError without its key."""
        return self.unseal_event(sealed, event_id.bytes)

    def unseal_event(self, sealed: bytes, event_id: bytes) -> dict[str, Any]:
        """The same with the 16 bytes of the id, for many events."""
        used = sealed[:KEY_ID_BYTES]
        private_key = self._keys.get(used)
        if private_key is None:
            known = ", ".join(sorted(one.hex() for one in self._keys)) or "no key"
            raise MissingKeyError(f"sealed to key {used.hex()}, this is key {known}")
        try:
            subject = from_json(SUITE.decrypt(sealed[KEY_ID_BYTES:], private_key, info=_INFO + used + event_id))
        except (InvalidTag, ValueError) as error:
            raise UnsealError("damaged, or of another event") from error
        if not isinstance(subject, dict):
            raise UnsealError("it contains no subject")
        return subject


def unseal_subject(private_key: X25519PrivateKey, sealed: bytes, event_id: UUID) -> dict[str, Any]:
    """The subject, unsealed with one key. See Unsealer."""
    return Unsealer([private_key]).unseal(sealed, event_id)
