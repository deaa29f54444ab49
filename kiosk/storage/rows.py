"""Access events to rows of the table `event`, and back.

The column `pseudonym` holds all pseudonyms of a person in sequence. The first one is sent to the centre. A table or an index of
their own would change a second page in each commit (docs/decisions/0016).
"""

import sqlite3
from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import gt, lt
from typing import Any
from uuid import UUID

from kiosk.core.model import (
    AccessEvent,
    Assurance,
    ClockQuality,
    CodeKind,
    Direction,
    ManualReason,
    Outcome,
    Reason,
    StoredEvent,
)
from kiosk.core.subject_sealing import PSEUDONYM_BYTES
from kiosk.storage.connection import DatabaseConnection
from mqtt.sequence_ranges import Range

EVENT_COLUMNS = (
    "seq, id, boot_number, occurred_us, monotonic_s, clock_quality, outcome, reason, direction, kind, assurance, "
    "pseudonym, sealed, code_bytes, annuls, manual_reason"
)
INSERT_EVENT = f"INSERT INTO event ({EVENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
SELECT_EVENT_COLUMNS = f"SELECT {EVENT_COLUMNS} FROM "  # noqa: S608 - constants

ID_BYTES = 16
MAX_BOOT_ID_CHARACTERS = 64


class UnreadableRowError(Exception):
    """A row of another release, or one that is damaged. The text is a code, and contains nothing of the row."""


_CLOCK: dict[str, ClockQuality] = {member.value: member for member in ClockQuality}
_OUTCOME: dict[str, Outcome] = {member.value: member for member in Outcome}
_REASON: dict[str, Reason] = {member.value: member for member in Reason}
_DIRECTION: dict[str | None, Direction | None] = {None: None, **{member.value: member for member in Direction}}
_KIND: dict[str | None, CodeKind | None] = {None: None, **{member.value: member for member in CodeKind}}
_ASSURANCE: dict[str | None, Assurance | None] = {None: None, **{member.value: member for member in Assurance}}
_MANUAL_REASON: dict[str | None, ManualReason | None] = {
    None: None,
    **{member.value: member for member in ManualReason},
}

_WORDS: tuple[Container[str | None], ...] = (
    _CLOCK.keys(), _OUTCOME.keys(), _REASON.keys(), _DIRECTION.keys(), _KIND.keys(), _ASSURANCE.keys(),
)  # fmt: skip
_TYPES = (bytes, int, int, float, bytes, bytes, int)
_FIRST_US, _END_US = 0, 253_402_300_800_000_000
"""1970 (an unset clock) to the end of the year 9999."""
MAX_MONOTONIC_S = 1e9
"""30 years, as on the wire."""

_EPOCH_AT = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def event_to_row(seq: int, boot_number: int, event: AccessEvent) -> tuple[Any, ...]:
    """The values of EVENT_COLUMNS."""
    return (
        seq,
        event.id.bytes,
        boot_number,
        (event.occurred_at - _EPOCH_AT) // _MICROSECOND,
        event.monotonic_s,
        event.clock_quality,
        event.outcome,
        event.reason,
        event.direction,
        event.kind,
        event.assurance,
        event.pseudonym + b"".join(event.aliases),
        event.sealed,
        event.code_bytes,
        event.annuls.bytes if event.annuls else None,
        event.manual_reason,
    )


def event_from_row(epoch: str, boot_ids: Mapping[int, str], row: tuple[Any, ...]) -> StoredEvent:
    """A row of SELECT_EVENT_COLUMNS as a StoredEvent. `boot_ids` are the boot ids by their numbers. Raises UnreadableRowError."""
    reason = unreadable_reason(boot_ids, row)
    if reason:
        raise UnreadableRowError(reason)
    try:
        return _event_from_row(epoch, boot_ids, row)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise UnreadableRowError("unreadable-value") from error


def unreadable_reason(boot_ids: Mapping[int, str], row: tuple[Any, ...]) -> str:
    """Why a row of SELECT_EVENT_COLUMNS cannot be understood, as a wire value. Empty if it can.

    SQLite does not notice most flipped bits (it has no checksums), and another release may have other words.
    """
    _, id_, boot_number, us, monotonic_s, *codes, pseudonyms, sealed, code_bytes, annuls, manual = row
    types = tuple(map(type, (id_, boot_number, us, monotonic_s, pseudonyms, sealed, code_bytes)))
    if types != _TYPES or len(id_) != ID_BYTES or not (annuls is None or _is_id(annuls)):
        return "unreadable-value"
    if not _FIRST_US <= us < _END_US or not 0 <= monotonic_s <= MAX_MONOTONIC_S:
        return "unreadable-time"
    if boot_number not in boot_ids:
        return "unknown-boot"
    return "" if are_known_words(codes) and is_known_manual_reason(manual) else "unknown-word"


def are_known_words(codes: Sequence[Any]) -> bool:
    """Whether this release knows the values of the columns from clock_quality to assurance."""
    try:
        return all(code in words for code, words in zip(codes, _WORDS, strict=True))
    except TypeError:
        return False


def is_known_manual_reason(value: object) -> bool:
    """Whether this release knows a value of the column manual_reason."""
    return value is None or (isinstance(value, str) and value in _MANUAL_REASON)


def _is_id(value: object) -> bool:
    return isinstance(value, bytes) and len(value) == ID_BYTES


def _event_from_row(epoch: str, boot_ids: Mapping[int, str], row: tuple[Any, ...]) -> StoredEvent:
    seq, id_, boot_number, us, monotonic_s, clock_quality, outcome, reason, direction, kind, assurance, *more = row
    pseudonyms, sealed, code_bytes, annuls, manual_reason = more
    return StoredEvent(
        epoch=epoch,
        seq=seq,
        boot_id=boot_ids[boot_number],
        event=AccessEvent(
            id=UUID(bytes=id_),
            occurred_at=_EPOCH_AT + timedelta(microseconds=us),
            monotonic_s=monotonic_s,
            clock_quality=_CLOCK[clock_quality],
            outcome=_OUTCOME[outcome],
            reason=_REASON[reason],
            direction=_DIRECTION[direction],
            kind=_KIND[kind],
            assurance=_ASSURANCE[assurance],
            pseudonym=pseudonyms[:PSEUDONYM_BYTES],
            sealed=sealed,
            code_bytes=code_bytes,
            aliases=_aliases(pseudonyms),
            annuls=UUID(bytes=annuls) if annuls else None,
            manual_reason=_MANUAL_REASON[manual_reason],
        ),
    )


def _aliases(pseudonyms: bytes) -> tuple[bytes, ...]:
    """All pseudonyms but the first."""
    return tuple(
        pseudonyms[start : start + PSEUDONYM_BYTES]
        for start in range(PSEUDONYM_BYTES, len(pseudonyms), PSEUDONYM_BYTES)
    )


def fetch_rows(connection: DatabaseConnection, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """All rows. A text that is not UTF-8 gets replacement characters, so that one row does not hide all others."""
    try:
        return connection.execute(query, parameters).fetchall()
    except sqlite3.OperationalError as error:
        if "decode" not in str(error).lower():
            raise
    connection.conn.text_factory = lambda text: text.decode(errors="replace")
    try:
        return connection.execute(query, parameters).fetchall()
    finally:
        connection.conn.text_factory = str


def require_order(seqs: Sequence[int]) -> None:
    """Rows come in the order of seq, or in the reverse order. Raises sqlite3.DatabaseError where a damaged seq breaks it."""
    if len(seqs) > 1 and not (all(map(lt, seqs, seqs[1:])) or all(map(gt, seqs, seqs[1:]))):
        raise sqlite3.DatabaseError("rows are out of order")


def read_boot_ids(connection: DatabaseConnection) -> dict[int, str]:
    """The boot ids by their numbers. One that is damaged is left out: its events are then in an unknown boot."""
    found = fetch_rows(connection, "SELECT number, boot_id FROM boot")
    return {number: boot_id for number, boot_id in found if isinstance(boot_id, str) and _is_boot_id(boot_id)}


def _is_boot_id(text: str) -> bool:
    return 0 < len(text) <= MAX_BOOT_ID_CHARACTERS and text.isascii() and text.isprintable()


def find_boot_number(connection: DatabaseConnection, boot_id: str) -> int:
    """The number of this boot, which is new at its first start. Raises sqlite3.Error."""
    found = connection.execute("SELECT number FROM boot WHERE boot_id = ?", [boot_id]).fetchone()
    if found:
        return int(found[0])
    return int(connection.execute("INSERT INTO boot (boot_id) VALUES (?)", [boot_id]).lastrowid or 0)


def missing_seqs(connection: DatabaseConnection, after_seq: int, newest_seq: int) -> list[Range]:
    """Which seqs after this one have no row. Costs a scan only where some are missing."""
    count = connection.execute("SELECT count(*) FROM event WHERE seq > ?", [after_seq]).fetchone()[0]
    missing: list[Range] = []
    if count == newest_seq - after_seq:
        return missing
    expected = after_seq + 1
    for (seq,) in connection.execute("SELECT seq FROM event WHERE seq > ? ORDER BY seq", [after_seq]):
        if seq > expected:
            missing.append((expected, seq - 1))
        expected = seq + 1
    if expected <= newest_seq:
        missing.append((expected, newest_seq))
    return missing
