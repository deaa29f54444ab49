"""Unsealing subjects for the tracing authority: by place and time, never by person, and never without a trace of its own."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from mqtt.centre.ledger import BUSY_TIMEOUT_S, LedgerTrouble
from mqtt.sealing import NotSealed, open_sealed

AUDIT = """
CREATE TABLE IF NOT EXISTS opening (
    number INTEGER PRIMARY KEY,
    at TEXT NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL, what TEXT NOT NULL, passages INTEGER NOT NULL
) STRICT
"""
MIN_WHY = 10
"""A reason of fewer letters is none."""


@dataclass(frozen=True, slots=True)
class Question:
    """Who asks about which place and time, and why."""

    site: str
    since_at: datetime
    until_at: datetime
    who: str
    why: str
    device: str | None = None

    def __post_init__(self) -> None:
        if len(self.why.strip()) < MIN_WHY:
            raise ValueError("a reason is needed, in words that somebody else can check later")
        if not self.who.strip():
            raise ValueError("the name of who asks is needed")
        if self.since_at >= self.until_at:
            raise ValueError("the time asked about ends before it begins")


@dataclass(frozen=True, slots=True)
class Opened:
    """One passage with its subject, or with the reason why it does not open."""

    id: UUID
    device: str
    at: str
    direction: str | None
    subject: dict[str, Any] | None
    trouble: str = ""


def open_passages(path: Path, key: X25519PrivateKey, question: Question, now: datetime) -> Iterator[Opened]:
    """The subjects of that place and time, oldest first. The audit row is on disk before the first is opened.

    Raises LedgerTrouble.
    """
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)) as database:
            database.execute("PRAGMA synchronous = FULL")
            found = _find(database, question)
            _note(database, question, now, len(found))
    except sqlite3.Error as trouble:
        raise LedgerTrouble(f"{path}: nothing was opened: {trouble}") from trouble
    return (_open(key, row) for row in found)


def _find(database: sqlite3.Connection, question: Question) -> list[tuple[Any, ...]]:
    return database.execute(
        "SELECT id, device.device, coalesce(corrected_at, occurred_at), direction, sealed FROM corrected "
        "JOIN device ON device.number = corrected.device WHERE device.site = ? AND (? IS NULL OR device.device = ?) "
        "AND coalesce(corrected_at, received_at) BETWEEN ? AND ? AND length(sealed) ORDER BY 3",
        [question.site, question.device, question.device, _text(question.since_at), _text(question.until_at)],
    ).fetchall()


def _note(database: sqlite3.Connection, question: Question, now: datetime, count: int) -> None:
    what = {
        "site": question.site,
        "device": question.device,
        "since": _text(question.since_at),
        "until": _text(question.until_at),
    }
    database.execute(AUDIT)
    database.execute(
        "INSERT INTO opening (at, who, why, what, passages) VALUES (?, ?, ?, ?, ?)",
        [_text(now), question.who, question.why, json.dumps(what), count],
    )
    database.commit()


def _open(key: X25519PrivateKey, row: tuple[Any, ...]) -> Opened:
    id_, device, at, direction, sealed = row
    passage_id = UUID(bytes=id_)
    try:
        return Opened(passage_id, device, at, direction, open_sealed(key, sealed, passage_id))
    except NotSealed as trouble:
        return Opened(passage_id, device, at, direction, None, str(trouble))


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
