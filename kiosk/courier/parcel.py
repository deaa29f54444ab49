"""A passage in the words of the wire."""

from dataclasses import dataclass
from uuid import UUID

from kiosk.model import Outcome, Stored
from mqtt import envelope

RESULT = {Outcome.PASS: "pass", Outcome.FAIL: "fail", Outcome.LOOK_AGAIN: "warn"}


@dataclass(frozen=True, slots=True)
class Parcel:
    """A passage ready to be sent."""

    seq: int
    id: UUID
    text: str
    """One CloudEvent as JSON, ASCII."""


def pack(stored: Stored, source: str) -> Parcel:
    """Make it ready; `source` is the device's name in its events."""
    passage = stored.passage
    text = envelope.passage_event(
        source,
        id=passage.id,
        time=passage.occurred_at,
        epoch=stored.epoch,
        seq=stored.seq,
        boot=stored.boot_id,
        monotonic_s=passage.occurred_s,
        clock=passage.clock,
        result=RESULT[passage.outcome],
        reason=passage.reason,
        direction=passage.direction,
        kind=passage.kind,
        assurance=passage.assurance,
        pseudonym=passage.pseudonym,
        sealed=passage.sealed,
        code_bytes=passage.code_bytes,
        annuls=passage.annuls,
        grounds=passage.grounds,
    )
    return Parcel(stored.seq, passage.id, text)
