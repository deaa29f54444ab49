"""Synthetic passages for tests of recording and delivery. Nobody in them exists."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from kiosk.core.model import Assurance, ClockQuality, Direction, Grounds, Kind, Outcome, Passage, Reason, Stored
from kiosk.storage import Store, rows
from kiosk.storage.event_encoder import Drain
from mqtt.topics import Branch

GATE = Branch("entrance", "dong-ba", "gate-1")
EPOCH = "0123456789abcdef"
START_AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def a_passage(number: int = 1, *, sealed_bytes: int = 110) -> Passage:
    """The same number gives the same passage. With the default sealed subject its row takes about 310 bytes."""
    dice = random.Random(number)
    at = START_AT + timedelta(seconds=number)
    id_ = (
        (int(at.timestamp() * 1000) << 80) | (7 << 76) | (dice.getrandbits(12) << 64) | (2 << 62) | dice.getrandbits(62)
    )
    return Passage(
        id=UUID(int=id_),
        occurred_at=at,
        occurred_s=1000.0 + number,
        clock=ClockQuality.SYNCHRONISED,
        outcome=Outcome.PASS,
        reason=Reason.OK,
        direction=Direction.IN if number % 2 else Direction.OUT,
        kind=Kind.PASS,
        assurance=Assurance.VERIFIED,
        pseudonym=dice.randbytes(16),
        sealed=dice.randbytes(sealed_bytes),
        code_bytes=178,
    )


def an_undo(number: int, undone: Passage) -> Passage:
    """The record by which a guard undid that passage."""
    return replace(
        a_passage(number, sealed_bytes=0),
        outcome=Outcome.LOOK_AGAIN,
        reason=Reason.ANNULLED,
        direction=undone.direction,
        kind=None,
        assurance=None,
        pseudonym=b"",
        code_bytes=0,
        annuls=undone.id,
        grounds=Grounds.TURNED_BACK,
    )


def a_store(path: Path, count: int) -> Store:
    """A store that has recorded passages 0, 1, 2 ... as 1, 2, 3 ...; who asks for it closes it."""
    store = Store(path)
    store.commit_all([a_passage(number) for number in range(count)])
    return store


def event_text(stored: Stored, source: str) -> str:
    """The passage as the store writes it for the wire."""
    drain = Drain(source, stored.epoch, {1: stored.boot_id})
    return drain.events([rows.to_row(stored.seq, 1, stored.passage)])[0][1]
