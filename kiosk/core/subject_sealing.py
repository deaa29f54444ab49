"""What the record says of a person: sealed to the centre's public key, and a keyed pseudonym to join by.

HPKE (RFC 9180, base mode, X25519, HKDF-SHA256, ChaCha20-Poly1305: a Pi has no AES instructions before the fifth). The kiosk keeps
no key that opens it; the opening half lies in `mqtt.sealing`, where the centre has it too.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from kiosk.core.model import Subject
from kiosk.core.ports import KioskError
from mqtt import sealing

PSEUDONYM_BYTES = 16
PSEUDONYM_KEY_BYTES = 32
_STEP_BYTES = 64
"""Plain text is filled up to a multiple of this, so that the length tells neither a name nor a kind."""


class KeyTrouble(KioskError):
    """A key file cannot be used; the message says what to do."""


class Seal:
    """Seals subjects to one public key; any thread."""

    def __init__(self, public_key_pem: bytes) -> None:
        try:
            key = load_pem_public_key(public_key_pem)
        except ValueError as trouble:
            raise KeyTrouble("The centre's key is no PEM public key. Ask the centre for its sealing key.") from trouble
        if not isinstance(key, X25519PublicKey):
            raise KeyTrouble("The centre's key is not an X25519 key. Ask the centre for its sealing key.")
        self._key = key
        self._key_id = sealing.key_id(key)

    def close(self, subject: Subject, event_id: UUID) -> bytes:
        """Seal a subject for one passage; only this passage's id opens it again."""
        fields = {
            "ids": [[identifier.scheme, identifier.value] for identifier in subject.identifiers],
            "name": subject.name,
            "born": subject.born,
        }
        plain = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        plain += b" " * (-len(plain) % _STEP_BYTES)
        return self._key_id + sealing.SUITE.encrypt(plain, self._key, info=sealing.info(self._key_id, event_id))


class Pseudonyms:
    """Keyed names (HMAC-SHA256, 16 bytes) that only this device can compute; any thread.

    `keys`: 32 bytes, or several keys of 32 bytes, the newest first. Rotation: put a new key in front of the file's first one and
    start again; people who are inside are then still known by their older name. Raises KeyTrouble.
    """

    def __init__(self, keys: bytes) -> None:
        if not keys or len(keys) % PSEUDONYM_KEY_BYTES:
            raise KeyTrouble(f"A pseudonym key has {PSEUDONYM_KEY_BYTES} bytes: `head -c 32 /dev/urandom > FILE`.")
        self._keys = tuple(
            keys[start : start + PSEUDONYM_KEY_BYTES] for start in range(0, len(keys), PSEUDONYM_KEY_BYTES)
        )

    def of_subject(self, subject: Subject) -> tuple[bytes, ...]:
        """One name per identifier under the newest key, then under the older ones."""
        return tuple(
            _keyed(key, "subject", identifier.scheme.encode(), identifier.value.encode("utf-8", "replace"))
            for key in self._keys
            for identifier in subject.identifiers
        )

    def of_code(self, codes: Sequence[bytes]) -> bytes:
        """The name of codes that name nobody, whatever their order; empty where there is no code."""
        return _keyed(self._keys[0], "code", *sorted(codes)) if codes else b""


def _keyed(key: bytes, domain: str, *parts: bytes) -> bytes:
    mac = hmac.new(key, domain.encode(), hashlib.sha256)
    for part in _framed(parts):
        mac.update(part)
    return mac.digest()[:PSEUDONYM_BYTES]


def _framed(parts: Iterable[bytes]) -> Iterable[bytes]:
    """Each part after its length, so that no two lists of parts run together into the same bytes."""
    for part in parts:
        yield len(part).to_bytes(4, "big")
        yield part
