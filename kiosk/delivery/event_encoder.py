"""Writes rows of the outbox as CloudEvents (JSON text), without an object for each event in between.

An object and a dictionary for each event take ten times as long as one f-string. Texts that many events share (the second,
the codes) are made once. `mqtt.events.parse_events` reads these texts, and a test compares both ends.
"""

import json
from binascii import b2a_base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from kiosk.core.subject_sealing import PSEUDONYM_BYTES
from kiosk.storage.rows import (
    ID_BYTES,
    MAX_MONOTONIC_S,
    are_known_words,
    is_known_manual_reason,
    unreadable_reason,
)
from mqtt.events import EVENT_TYPE

MAX_CACHED_SECONDS = 10_000
MICROSECONDS_PER_SECOND = 1_000_000

_BEFORE_ID = '{"specversion":"1.0","id":"'
_ID_SLICE = slice(len(_BEFORE_ID), len(_BEFORE_ID) + 36)


_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError)
"""What a row raises that cannot be understood."""


class EventEncoder:
    """For one device and one life of its database. One thread at a time."""

    def __init__(self, source: str, epoch: str, boot_ids: Mapping[int, str], base_seq: int = 0) -> None:
        """`source` is the device's name in its events. `boot_ids` are the boot ids by their numbers.

        `base_seq` is subtracted from each seq: earlier events belong to another epoch.
        """
        self.unreadable: dict[int, str] = {}
        """Rows that cannot be understood, by seq, with the reason. The relay takes them out."""
        self._base_seq = base_seq
        self._known_boots = boot_ids
        self._before_time = f'","source":{json.dumps(source)},"type":"{EVENT_TYPE}","time":"'
        self._before_seq = f'Z","datacontenttype":"application/json","data":{{"epoch":{json.dumps(epoch)},"seq":'
        self._boot_ids = {number: json.dumps(boot_id) for number, boot_id in boot_ids.items()}
        self._code_fields = _CodeFieldCache()
        self._seconds = _TimestampCache()

    def encode(self, rows: Sequence[tuple[Any, ...]]) -> list[tuple[int, str]]:
        """Each row (the columns of `kiosk.storage.rows.EVENT_COLUMNS`) as its seq and its CloudEvent in ASCII.

        A row that cannot be understood is left out, and stands in `unreadable`.
        """
        try:
            return self._encode(rows)
        except _UNREADABLE:
            return [encoded for row in rows for encoded in self._encode_or_refuse(row)]

    def _encode_or_refuse(self, row: tuple[Any, ...]) -> list[tuple[int, str]]:
        try:
            return self._encode([row])
        except _UNREADABLE:
            self.unreadable[row[0]] = unreadable_reason(self._known_boots, row) or "unreadable-value"
            return []

    def _encode(self, rows: Iterable[tuple[Any, ...]]) -> list[tuple[int, str]]:
        before_time, before_seq, boot_ids = self._before_time, self._before_seq, self._boot_ids
        base_seq = self._base_seq
        code_fields, seconds = self._code_fields, self._seconds
        encoded = []
        for row in rows:
            seq, id_, boot_number, occurred_us, monotonic_s, *codes, pseudonyms, sealed, code_bytes, annuls, manual = (
                row
            )
            if len(id_) != ID_BYTES or type(code_bytes) is not int or not 0 <= monotonic_s <= MAX_MONOTONIC_S:
                raise ValueError(seq)
            digits = id_.hex()
            second, micros = divmod(occurred_us, MICROSECONDS_PER_SECOND)
            text = (
                f"{_BEFORE_ID}{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
                f"{before_time}{seconds[second]}.{micros // 1000:03d}{before_seq}{seq - base_seq}"
                f',"boot_id":{boot_ids[boot_number]},"monotonic_s":{monotonic_s:.6f},{code_fields[tuple(codes)]}'
                f',"pseudonym":"{pseudonyms[:PSEUDONYM_BYTES].hex()}","sealed":"{b2a_base64(sealed, newline=False).decode()}"'
                f',"code_bytes":{code_bytes}{_optional_fields(annuls, manual) if annuls or manual else ""}}}}}'
            )
            encoded.append((seq, text))
        return encoded


def event_id(text: str) -> UUID:
    """The id of an event that an EventEncoder wrote."""
    return UUID(text[_ID_SLICE])


def event_id_bytes(text: str) -> bytes:
    """The same as 16 bytes."""
    return bytes.fromhex(text[_ID_SLICE].replace("-", ""))


class _CodeFieldCache(dict[tuple[Any, ...], str]):
    """The columns from clock_quality to assurance as JSON members. Few combinations occur."""

    def __missing__(self, codes: tuple[Any, ...]) -> str:
        if not are_known_words(codes):
            raise ValueError(codes)
        names = ("clock_quality", "outcome", "reason", "direction", "kind", "assurance")
        self[codes] = text = ",".join(f'"{name}":{json.dumps(code)}' for name, code in zip(names, codes, strict=True))
        return text


class _TimestampCache(dict[int, str]):
    """Seconds since 1970 as RFC 3339 writes them, without the zone."""

    def __missing__(self, second: int) -> str:
        if len(self) >= MAX_CACHED_SECONDS:
            self.clear()
        self[second] = text = datetime.fromtimestamp(second, UTC).isoformat()[:19]
        return text


def _optional_fields(annuls: bytes | None, manual_reason: str | None) -> str:
    """What only events have that a guard made by hand. Raises ValueError."""
    if not is_known_manual_reason(manual_reason):
        raise ValueError(manual_reason)
    text = f',"annuls":"{UUID(bytes=annuls)}"' if annuls else ""
    return text + (f',"manual_reason":{json.dumps(manual_reason)}' if manual_reason else "")
