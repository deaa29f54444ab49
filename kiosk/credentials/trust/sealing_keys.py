"""The signed list of sealing keys: one public key for each week, made in advance. Destroying a private one erases its week.

Weeks begin on Monday, 00:00 UTC.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from kiosk.core.subject_sealing import WeeklyKey
from kiosk.credentials.trust import signed_list
from kiosk.credentials.trust.files import ListError
from kiosk.credentials.trust.signed_list import SignedList
from mqtt import sealing

LIST_KIND = "seal"
KEY_BYTES = 32
WEEK = timedelta(days=7)
MAX_WEEKS = 520


@dataclass(frozen=True, slots=True)
class SealingKeyList:
    """Public sealing keys by week, without a gap."""

    number: int
    issued_at: datetime
    keys: tuple[WeeklyKey, ...] = field(repr=False)

    @property
    def ends_at(self) -> datetime:
        """End of the last week. What is sealed later gets the key of that week, and cannot be erased by itself."""
        return self.keys[-1].since_at + WEEK


def week_start(at: datetime) -> datetime:
    """Monday, 00:00 UTC, of the week of a moment."""
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def sign_sealing_keys(root: Ed25519PrivateKey, sealing_keys: SealingKeyList) -> bytes:
    """Sign a list for the kiosks. Raises ListError where weeks are missing or doubled."""
    _check(sealing_keys.keys)
    entries = [[int(one.since_at.timestamp()), one.public_key] for one in sealing_keys.keys]
    return signed_list.sign_list(
        root, SignedList(LIST_KIND, sealing_keys.number, sealing_keys.issued_at, len(entries), entries)
    )


def parse_sealing_keys(data: bytes, root_pem: bytes) -> SealingKeyList:
    """Check and read a signed list. Raises ListError."""
    found = signed_list.verify_signed_list(data, signed_list.load_root_public_key(root_pem), LIST_KIND)
    try:
        keys = tuple(_parse_key(entry) for entry in found.entries)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise ListError(
            "The list of sealing keys has an entry that this version cannot read. Update the kiosk."
        ) from error
    if len(keys) != found.count:
        raise ListError(
            f"The list announces {found.count} sealing keys but has {len(keys)}. Ask the centre for it again."
        )
    _check(keys)
    return SealingKeyList(found.number, found.issued_at, keys)


def _parse_key(entry: Any) -> WeeklyKey:
    since_s, public_key = entry
    if not isinstance(since_s, int) or not isinstance(public_key, bytes) or len(public_key) != KEY_BYTES:
        raise TypeError("no week and key")
    if not sealing.is_usable(X25519PublicKey.from_public_bytes(public_key)):
        raise ValueError("a key that nothing can be sealed to")
    return WeeklyKey(datetime.fromtimestamp(since_s, UTC), public_key)


def _check(keys: Iterable[WeeklyKey]) -> None:
    weeks = [one.since_at for one in keys]
    if not 1 <= len(weeks) <= MAX_WEEKS:
        raise ListError(f"A list of sealing keys has 1 to {MAX_WEEKS} weeks.")
    expected = [weeks[0] + number * WEEK for number in range(len(weeks))]
    if weeks[0] != week_start(weeks[0]) or weeks != expected:
        raise ListError(
            "The weeks of the list of sealing keys do not follow each other. Ask the centre for a new list."
        )
