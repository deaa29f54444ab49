"""Synthetic access events for tests of storage and delivery."""

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


def an_event(number: int = 1, *, sealed_bytes: int = 110) -> AccessEvent:
    """The same number gives the same event. With the default sealed subject its row takes about 310 bytes."""
    rng = random.Random(number)
    at = START_AT + timedelta(seconds=number)
    id_ = (int(at.timestamp() * 1000) << 80) | (7 << 76) | (rng.getrandbits(12) << 64) | (2 << 62) | rng.getrandbits(62)
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
        pseudonym=rng.randbytes(16),
        sealed=rng.randbytes(sealed_bytes),
        code_bytes=178,
    )


def an_undo_event(number: int, undone: AccessEvent) -> AccessEvent:
    """The event by which a guard undid the event `undone`."""
    return replace(
        an_event(number, sealed_bytes=0),
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
    """A store with events 0, 1, 2 ... under the numbers 1, 2, 3 ... The caller closes it."""
    store = SqliteEventStore(path)
    store.commit_all([an_event(number) for number in range(count)])
    return store


def event_text(stored: StoredEvent, source: str) -> str:
    """The event as it is sent."""
    encoder = EventEncoder(source, stored.epoch, {1: stored.boot_id})
    return encoder.encode([rows.event_to_row(stored.seq, 1, stored.event)])[0][1]
