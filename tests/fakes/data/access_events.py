"""Synthetic passages for tests of recording and delivery. Nobody in them exists."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
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
from kiosk.delivery.event_encoder import EventEncoder
from kiosk.storage import SqliteEventStore, rows
from mqtt.topics import DeviceTopics

GATE = DeviceTopics("entrance", "dong-ba", "gate-1")
EPOCH = "0123456789abcdef"
START_AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def a_passage(number: int = 1, *, sealed_bytes: int = 110) -> AccessEvent:
    """The same number gives the same passage. With the default sealed subject its row takes about 310 bytes."""
    dice = random.Random(number)
    at = START_AT + timedelta(seconds=number)
    id_ = (
        (int(at.timestamp() * 1000) << 80) | (7 << 76) | (dice.getrandbits(12) << 64) | (2 << 62) | dice.getrandbits(62)
    )
    return AccessEvent(
        id=UUID(int=id_),
        occurred_at=at,
        monotonic_s=1000.0 + number,
        clock_quality=ClockQuality.SYNCHRONISED,
        outcome=Outcome.PASS,
        reason=Reason.OK,
        direction=Direction.IN if number % 2 else Direction.OUT,
        kind=CodeKind.ENTRY_PASS,
        assurance=Assurance.VERIFIED,
        pseudonym=dice.randbytes(16),
        sealed=dice.randbytes(sealed_bytes),
        code_bytes=178,
    )


def an_undo(number: int, undone: AccessEvent) -> AccessEvent:
    """The record by which a guard undid that passage."""
    return replace(
        a_passage(number, sealed_bytes=0),
        outcome=Outcome.CHECK_AGAIN,
        reason=Reason.ANNULLED,
        direction=undone.direction,
        kind=None,
        assurance=None,
        pseudonym=b"",
        code_bytes=0,
        annuls=undone.id,
        manual_reason=ManualReason.TURNED_BACK,
    )


def a_store(path: Path, count: int) -> SqliteEventStore:
    """A store that has recorded passages 0, 1, 2 ... as 1, 2, 3 ...; who asks for it closes it."""
    store = SqliteEventStore(path)
    store.commit_all([a_passage(number) for number in range(count)])
    return store


def event_text(stored: StoredEvent, source: str) -> str:
    """The event as it is sent."""
    encoder = EventEncoder(source, stored.epoch, {1: stored.boot_id})
    return encoder.encode([rows.event_to_row(stored.seq, 1, stored.event)])[0][1]
