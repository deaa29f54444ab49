"""Rows of the outbox as events of the wire, without an object for each passage in between."""

import json
from binascii import b2a_base64
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from kiosk.core.subject_sealing import PSEUDONYM_BYTES
from mqtt import events as envelope

MAX_CACHED_SECONDS = 10_000
MICROSECONDS_PER_SECOND = 1_000_000


class EventEncoder:
    """Writes the rows of one life of a database. One thread at a time.

    A backlog is written at some microseconds a passage, where making a Passage and a dictionary of it took thirty: texts that
    many passages share (the second, the words) are made once.
    """

    def __init__(self, source: str, epoch: str, boots: Mapping[int, str]) -> None:
        """`source` is the device's name in its events; `boots` are the boot ids by their numbers."""
        self._template = envelope.event_template(source, epoch)
        self._boots = {number: json.dumps(boot_id) for number, boot_id in boots.items()}
        self._code_fields = _CodeFieldCache()
        self._seconds = _TimestampCache()

    def encode(self, rows: Iterable[tuple[Any, ...]]) -> list[tuple[int, str]]:
        """Each row (of rows.COLUMNS) as its seq and the JSON text of its CloudEvent, ASCII."""
        template, boots, words, seconds = self._template, self._boots, self._code_fields, self._seconds
        found = []
        for row in rows:
            (
                seq,
                id_,
                boot,
                us,
                s,
                clock,
                outcome,
                reason,
                direction,
                kind,
                assurance,
                names,
                sealed,
                size,
                undone,
                why,
            ) = row
            name = id_.hex()
            second, rest = divmod(us, MICROSECONDS_PER_SECOND)
            text = template % (
                name[:8],
                name[8:12],
                name[12:16],
                name[16:20],
                name[20:],
                seconds[second],
                rest // 1000,
                seq,
                boots[boot],
                s,
                words[clock, outcome, reason, direction, kind, assurance],
                names[:PSEUDONYM_BYTES].hex(),
                b2a_base64(sealed, newline=False).decode(),
                size,
                "" if undone is None and why is None else _optional_fields(undone, why),
            )
            found.append((seq, text))
        return found


class _CodeFieldCache(dict[tuple[Any, ...], str]):
    """The words of a passage as members of its event; there are only so many that occur together."""

    def __missing__(self, codes: tuple[Any, ...]) -> str:
        clock, outcome, reason, direction, kind, assurance = codes
        self[codes] = text = envelope.event_code_fields(clock, outcome, reason, direction, kind, assurance)
        return text


class _TimestampCache(dict[int, str]):
    """Seconds since 1970 as RFC 3339 writes them, without the zone."""

    def __missing__(self, second: int) -> str:
        if len(self) >= MAX_CACHED_SECONDS:
            self.clear()
        self[second] = text = datetime.fromtimestamp(second, UTC).isoformat()[:19]
        return text


def _optional_fields(annuls: bytes | None, manual_reason: str | None) -> str:
    return envelope.event_optional_fields(UUID(bytes=annuls) if annuls is not None else None, manual_reason)
