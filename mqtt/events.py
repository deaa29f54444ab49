"""Passages on their way to the centre, and the receipts that come back: each message made and read, everything incoming capped.

Passages are CloudEvents 1.0 in JSON (cloudevents.io, "JSON Event Format"): one event, or an array of them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter, ValidationError, field_validator
from pydantic.dataclasses import dataclass as pydantic_dataclass

from mqtt.message_model import READING, Epoch, Mark, MessageError, Seq, Short, Wire, Word, parse_json, why
from mqtt.sequence_ranges import Range

PASSAGE_TYPE = "entrance.access.v1"
EVENT_MEDIA = "application/cloudevents+json"
BATCH_MEDIA = "application/cloudevents-batch+json"

MAX_PAYLOAD_BYTES = 256 * 1024
MAX_BATCH = 200
MAX_RECEIPT_BYTES = 64 * 1024
MAX_RECEIPT_RANGES = 256
MAX_RECEIPT_REJECTED = 500
MAX_SEALED_BYTES = 4096


# The two that come by the thousand are dataclasses: pydantic makes those in two thirds of a model's time.
@pydantic_dataclass(frozen=True, slots=True, config=READING)
class PassageData:
    """What a passage event says."""

    epoch: Epoch
    seq: Seq
    boot: Short
    monotonic_s: Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
    clock: Word
    result: Literal["pass", "fail", "check-again"]
    reason: Word
    direction: Literal["in", "out"] | None
    kind: Word | None
    assurance: Word | None
    pseudonym: Annotated[str, Field(pattern=r"^([0-9a-f]{2}){0,32}$")]
    sealed: Annotated[bytes, Field(max_length=MAX_SEALED_BYTES)]
    code_bytes: Annotated[int, Field(ge=0, le=1_000_000)]
    annuls: UUID | None = None
    """The id of an earlier passage of this device that did not happen after all: neither of the two counts."""
    grounds: Word | None = None
    """What the guard gave as his reason, where he did it by hand."""


@pydantic_dataclass(frozen=True, slots=True, config=READING)
class PassageEvent:
    """One CloudEvent."""

    specversion: Literal["1.0"]
    id: UUID
    source: Annotated[str, Field(max_length=256)]
    type: Literal["entrance.access.v1"]
    time: datetime
    data: PassageData


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that is not one: why, and its id and epoch where that much could be read."""

    id: str | None
    reason: str
    epoch: str | None = None


_BEFORE_ID = '{"specversion":"1.0","id":"'
_event = TypeAdapter(PassageEvent)
_batch: TypeAdapter[list[PassageEvent]] = TypeAdapter(
    Annotated[list[PassageEvent], Field(min_length=1, max_length=MAX_BATCH)]
)
_epoch: TypeAdapter[str] = TypeAdapter(Epoch)


def passage_template(source: str, epoch: str) -> str:
    """The JSON text of one passage's CloudEvent, to be filled with `%` by: the five parts of its id in hexadecimal digits; its
    time (UTC) up to the second, and milliseconds; seq; the boot's id as JSON; monotonic seconds; `passage_words`; pseudonym in
    hexadecimal, sealed in base64; bytes of the code; `passage_rare`. (json.dumps of a dictionary takes four times as long.)
    """
    return (
        f'{_BEFORE_ID}%s-%s-%s-%s-%s","source":{_literal(source)},"type":"{PASSAGE_TYPE}",'
        f'"time":"%s.%03dZ","datacontenttype":"application/json","data":{{"epoch":{_literal(epoch)},"seq":%d,"boot_id":%s,'
        '"monotonic_s":%.6f,%s,"pseudonym":"%s","sealed":"%s","code_bytes":%d%s}}'
    )


def passage_words(  # noqa: PLR0917 - in the order of the wire
    clock_quality: str, outcome: str, reason: str, direction: str | None, kind: str | None, assurance: str | None
) -> str:
    """For `passage_template`."""
    return (
        f'"clock_quality":{json.dumps(clock_quality)},"outcome":{json.dumps(outcome)},"reason":{json.dumps(reason)},'
        f'"direction":{json.dumps(direction)},"kind":{json.dumps(kind)},"assurance":{json.dumps(assurance)}'
    )


def passage_rare(annuls: UUID | None, manual_reason: str | None) -> str:
    """For `passage_template`: what only passages say that a guard made by hand."""
    text = f',"annuls":"{annuls}"' if annuls is not None else ""
    return text + (f',"manual_reason":{json.dumps(manual_reason)}' if manual_reason is not None else "")


def id_of(event: str) -> UUID:
    """Of a text that `passage_template` made."""
    return UUID(event[len(_BEFORE_ID) : len(_BEFORE_ID) + 36])


def message_of(events: Sequence[str]) -> bytes:
    """One event as it is, several as a batch."""
    return (events[0] if len(events) == 1 else f"[{','.join(events)}]").encode()


def read_passages(payload: bytes, source: str) -> tuple[list[PassageEvent], list[Refused]]:
    """The events of one message that came on the topic of `source`. Raises MessageError where it holds none at all."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise MessageError("too-large")
    good: list[PassageEvent] = []
    bad: list[Refused] = []
    for event in _events(payload, bad):
        if event.source != source:
            bad.append(Refused(str(event.id), "wrong-source", event.data.epoch))
        elif event.time.tzinfo is None:
            bad.append(Refused(str(event.id), "time-without-zone", event.data.epoch))
        else:
            good.append(event)
    return good, bad


def _events(payload: bytes, invalid: list[Refused]) -> list[PassageEvent]:
    """All at once, as nearly always; one by one where something is wrong, so that the others are not spoiled by it."""
    try:
        if not payload.startswith(b"["):
            return [_event.validate_json(payload)]
        return _batch.validate_json(payload)
    except ValidationError:
        content = parse_json(payload)
    found = content if isinstance(content, list) else [content]
    if not 1 <= len(found) <= MAX_BATCH:
        raise MessageError("batch-size")
    events = []
    for item in found:
        try:
            events.append(_event.validate_json(json.dumps(item)))
        except ValidationError as trouble:
            invalid.append(Refused(_id_of(item), why(trouble), _epoch_of(item)))
    return events


class Rejected(Wire):
    """A passage that the centre refuses, and why: it goes into quarantine."""

    id: UUID
    reason: Word


class Receipt(Wire):
    """What the centre has of one epoch of one device. A newer receipt never says less than an older one."""

    MOST_BYTES: ClassVar[int] = MAX_RECEIPT_BYTES
    epoch: Epoch
    up_to_seq: Mark
    """Every seq from 1 up to this one is committed at the centre, or was rejected by it."""
    beyond: tuple[tuple[Seq, Seq], ...] = Field(default=(), max_length=MAX_RECEIPT_RANGES)
    """The same for these ranges past the first gap (like TCP's selective acknowledgement, RFC 2018)."""
    rejected: tuple[Rejected, ...] = Field(default=(), max_length=MAX_RECEIPT_REJECTED)

    @field_validator("ranges")
    @classmethod
    def _ranges_go_up(cls, ranges: tuple[Range, ...]) -> tuple[Range, ...]:
        if any(first > last for first, last in ranges):
            raise ValueError("a range ends before it starts")
        return ranges


def receipt(epoch: str, up_to_seq: int, ranges: Sequence[Range] = (), rejected: Sequence[Refused] = ()) -> bytes:
    """The message for a device; of too many ranges or rejections the first ones: the rest comes later."""
    return _compact(
        {
            "epoch": epoch,
            "up_to_seq": up_to_seq,
            "ranges": [list(span) for span in ranges[:MAX_RECEIPT_RANGES]],
            "rejected": [
                {"id": one.id, "reason": one.reason} for one in rejected[:MAX_RECEIPT_REJECTED] if one.id is not None
            ],
        }
    ).encode()


def _compact(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _literal(text: str) -> str:
    """JSON that stands for itself in a template."""
    return json.dumps(text).replace("%", "%%")


def _id_of(item: Any) -> str | None:
    """The id of an event that is wrong otherwise, so that its device can be told."""
    try:
        return str(UUID(item["id"]))
    except (TypeError, KeyError, ValueError, AttributeError):
        return None


def _epoch_of(item: Any) -> str | None:
    """The epoch of an event that is wrong otherwise."""
    try:
        return _epoch.validate_python(item["data"]["epoch"])
    except (TypeError, KeyError, ValidationError):
        return None
