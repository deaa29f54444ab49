"""Protects identity in events: the subject is sealed to the centre's public key, and keyed pseudonyms link events of one person.

HPKE (RFC 9180): base mode, X25519, HKDF-SHA256, ChaCha20-Poly1305. ChaCha20, because a Pi before the Pi 5 has no AES
instructions. The kiosk has no key that opens it. The opening half is in `mqtt.sealing`, which the centre uses too.
"""

import hashlib
import hmac
import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Literal
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from kiosk.core.model import Subject
from kiosk.core.ports import KioskError
from mqtt import sealing
from mqtt.broker.key_errors import UNREADABLE_KEY

PSEUDONYM_BYTES = 16
PSEUDONYM_KEY_BYTES = 32
_PADDING_BYTES = 64
"""Plain text is padded to a multiple of this, so that its length reveals neither name nor kind."""


class InvalidKeyError(KioskError):
    """A key file cannot be used. The message says what to do."""


@dataclass(frozen=True, slots=True)
class WeeklyKey:
    """The public sealing key of the week that begins then: 32 bytes, X25519."""

    since_at: datetime
    public_key: bytes


def no_weekly_keys() -> Sequence[WeeklyKey]:
    """For a device with one sealing key for all times."""
    return ()


class Seal:
    """Seals subjects to the public key of their week, or to one key for all times. Any thread."""

    def __init__(self, public_key_pem: bytes, weekly_keys: Callable[[], Sequence[WeeklyKey]] = no_weekly_keys) -> None:
        """`weekly_keys`: those in force, oldest first. Where there is one, the PEM key is not used. Raises InvalidKeyError."""
        self._weekly_keys = weekly_keys
        try:
            key = load_pem_public_key(public_key_pem)
        except UNREADABLE_KEY as error:
            raise InvalidKeyError(
                "The centre's key is not a PEM public key. Ask the centre for its sealing key."
            ) from error
        if not isinstance(key, X25519PublicKey):
            raise InvalidKeyError("The centre's key is not an X25519 key. Ask the centre for its sealing key.")
        if not sealing.is_usable(key):
            raise InvalidKeyError("Nothing can be sealed to the centre's key. Ask the centre for its sealing key.")
        self._key = key
        self._key_id = sealing.key_id(key)

    def _key_at(self, at: datetime | None) -> tuple[X25519PublicKey, bytes]:
        """The key of a week and its id. A time outside all weeks, as of a clock that is not set, gets the nearest one."""
        weekly = self._weekly_keys()
        if not weekly or at is None:
            return self._key, self._key_id
        place = max(bisect_right(weekly, at, key=attrgetter("since_at")) - 1, 0)
        key = X25519PublicKey.from_public_bytes(weekly[place].public_key)
        return key, sealing.key_id(key)

    def seal(self, subject: Subject, event_id: UUID, at: datetime | None = None) -> bytes:
        """Seal a subject for one event, to the key of the week of `at`. It opens only with the id of this event."""
        key, used = self._key_at(at)
        fields = {
            "ids": [[identifier.scheme, identifier.value] for identifier in subject.identifiers],
            "name": subject.name,
            "born": subject.born,
        }
        plain = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        plain += b" " * (-len(plain) % _PADDING_BYTES)
        return used + sealing.SUITE.encrypt(plain, key, info=sealing.hpke_info(used, event_id))


class Pseudonymizer:
    """Keyed pseudonyms (HMAC-SHA256, 16 bytes) that only this device can compute. Any thread.

    `keys`: one or more keys of 32 bytes each, the newest first. To rotate, put a new key in front of the file and restart.
    People who are inside are still known by their older pseudonym. Raises InvalidKeyError.
    """

    def __init__(self, keys: bytes) -> None:
        if not keys or len(keys) % PSEUDONYM_KEY_BYTES:
            raise InvalidKeyError(
                f"A pseudonym key has {PSEUDONYM_KEY_BYTES} bytes: `(umask 077; head -c 32 /dev/urandom > FILE)`."
            )
        self._keys = tuple(
            keys[start : start + PSEUDONYM_KEY_BYTES] for start in range(0, len(keys), PSEUDONYM_KEY_BYTES)
        )

    def for_subject(self, subject: Subject) -> tuple[bytes, ...]:
        """One pseudonym per identifier under the newest key, then under the older keys."""
        return tuple(
            _keyed_hash(key, "subject", identifier.scheme.encode(), identifier.value.encode("utf-8", "replace"))
            for key in self._keys
            for identifier in subject.identifiers
        )

    def for_alias(self, domain: Literal["proof", "likeness"], text: str) -> tuple[bytes, ...]:
        """A pseudonym of a claim's proof or likeness, under each key. It is kept with the event and never sent."""
        return tuple(_keyed_hash(key, domain, text.encode("utf-8", "replace")) for key in self._keys)

    def for_codes(self, codes: Sequence[bytes]) -> bytes:
        """The pseudonym of codes that name no person, whatever their order. Empty if there is no code."""
        return _keyed_hash(self._keys[0], "code", *sorted(codes)) if codes else b""


def _keyed_hash(key: bytes, domain: str, *parts: bytes) -> bytes:
    mac = hmac.new(key, domain.encode(), hashlib.sha256)
    for part in _length_prefixed(parts):
        mac.update(part)
    return mac.digest()[:PSEUDONYM_BYTES]


def _length_prefixed(parts: Iterable[bytes]) -> Iterable[bytes]:
    """Each part after its length, so that different lists of parts never give the same bytes."""
    for part in parts:
        yield len(part).to_bytes(4, "big")
        yield part
