"""Access events to the centre, and receipts back: payloads, validation and size limits.

An event is a CloudEvent 1.0 in JSON (cloudevents.io, "JSON Event Format"). A batch is an array of them.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter, ValidationError, field_validator
from pydantic.dataclasses import dataclass as pydantic_dataclass

from mqtt.message_model import (
    MODEL_CONFIG,
    BootId,
    Epoch,
    InvalidMessageError,
    MessageModel,
    MonotonicS,
    Seq,
    SeqOrZero,
    Slug,
    is_time_in_bounds,
    parse_json,
    register_field_names,
    validation_code,
)
from mqtt.sequence_ranges import Range

EVENT_TYPE = "entrance.access.v1"
EVENT_CONTENT_TYPE = "application/cloudevents+json"
BATCH_CONTENT_TYPE = "application/cloudevents-batch+json"

MAX_PAYLOAD_BYTES = 256 * 1024
MAX_BATCH = 200
MAX_RECEIPT_BYTES = 64 * 1024
MAX_RECEIPT_RANGES = 256
MAX_RECEIPT_REJECTED = 500
MAX_RECEIPT_CONFIRMED = 256
MAX_SEALED_BYTES = 4096
SEQ_CONFLICT = "seq-conflict"
"""Reason of a rejection: the centre has another event under the seq and epoch of this one. The device starts a new epoch."""


# These two are dataclasses, because pydantic makes a dataclass in two thirds of the time of a model.
@pydantic_dataclass(frozen=True, slots=True, config=MODEL_CONFIG)
class AccessEventData:
    """The data of an access event."""

    epoch: Epoch
    seq: Seq
    boot_id: BootId
    monotonic_s: MonotonicS
    clock_quality: Slug
    outcome: Literal["pass", "fail", "check-again"]
    reason: Slug
    direction: Literal["in", "out"] | None
    kind: Slug | None
    assurance: Slug | None
    pseudonym: Annotated[str, Field(pattern=r"^([0-9a-f]{2}){0,32}$")]
    sealed: Annotated[bytes, Field(max_length=MAX_SEALED_BYTES)]
    code_bytes: Annotated[int, Field(ge=0, le=1_000_000)]
    annuls: UUID | None = None
    """The id of an earlier event of this device that a guard undid. Neither of the two counts."""
    manual_reason: Slug | None = None
    """The reason that the guard chose, where they acted by hand."""


@pydantic_dataclass(frozen=True, slots=True, config=MODEL_CONFIG)
class AccessCloudEvent:
    """One access event as a CloudEvent."""

    specversion: Literal["1.0"]
    id: UUID
    source: Annotated[str, Field(max_length=256)]
    type: Literal["entrance.access.v1"]
    time: datetime
    data: AccessEventData


for _model in (AccessEventData, AccessCloudEvent):
    register_field_names(field.name for field in fields(_model))


@dataclass(frozen=True, slots=True)
class InvalidEvent:
    """An event that is rejected: the reason, and its id and epoch where they could be read."""

    id: str | None
    reason: str
    epoch: str | None = None


_event_adapter = TypeAdapter(AccessCloudEvent)
_batch_adapter: TypeAdapter[list[AccessCloudEvent]] = TypeAdapter(
    Annotated[list[AccessCloudEvent], Field(min_length=1, max_length=MAX_BATCH)]
)
_epoch_adapter: TypeAdapter[str] = TypeAdapter(Epoch)


def make_payload(events: Sequence[str]) -> bytes:
    """One event, or a batch of several, as the payload of a message."""
    return (events[0] if len(events) == 1 else f"[{','.join(events)}]").encode()


def parse_events(payload: bytes, source: str) -> tuple[list[AccessCloudEvent], list[InvalidEvent]]:
    """The events of one message of the device `source`. Raises InvalidMessageError where it contains none."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise InvalidMessageError("too-large")
    good: list[AccessCloudEvent] = []
    bad: list[InvalidEvent] = []
    for event in _validate_events(payload, bad):
        if event.source != source:
            bad.append(InvalidEvent(str(event.id), "wrong-source", event.data.epoch))
        elif event.time.tzinfo is None:
            bad.append(InvalidEvent(str(event.id), "time-without-zone", event.data.epoch))
        elif not is_time_in_bounds(event.time):
            bad.append(InvalidEvent(str(event.id), "bad-time", event.data.epoch))
        else:
            good.append(event)
    return good, bad


def _validate_events(payload: bytes, invalid: list[InvalidEvent]) -> list[AccessCloudEvent]:
    """Validates the whole message, and each event of it only where that fails."""
    try:
        if not payload.startswith(b"["):
            return [_event_adapter.validate_json(payload)]
        return _batch_adapter.validate_json(payload)
    except ValidationError:
        content = parse_json(payload)
    found = content if isinstance(content, list) else [content]
    if not 1 <= len(found) <= MAX_BATCH:
        raise InvalidMessageError("batch-size")
    events = []
    for item in found:
        try:
            events.append(_event_adapter.validate_json(json.dumps(item)))
        except ValidationError as error:
            invalid.append(InvalidEvent(_id_of(item), validation_code(error), _epoch_of(item)))
        except RecursionError:
            invalid.append(InvalidEvent(_id_of(item), "too-deep", _epoch_of(item)))
    return events


class Rejection(MessageModel):
    """An event that the centre rejects, and why. The device keeps it in quarantine."""

    id: UUID
    reason: Slug


def digest_of_ids(ids: Iterable[bytes]) -> str:
    """Names the events of a range: 16 hex digits of the SHA-256 of their ids (16 bytes each), in the order of their seqs."""
    return sha256(b"".join(ids)).hexdigest()[:16]


ConfirmedRange = tuple[Seq, Seq, Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]]
"""First seq, last seq, and `digest_of_ids` of the events from the first to the last."""


MIN_BACKLOG_RATE = 0.02
"""Events per second. A forged or wrong message cannot stop the delivery."""
BacklogRate = Annotated[float, Field(ge=MIN_BACKLOG_RATE, le=1e6, allow_inf_nan=False)]


class Receipt(MessageModel):
    """What the centre has of one epoch of one device. A newer receipt never contains less than an older one."""

    MAX_BYTES: ClassVar[int] = MAX_RECEIPT_BYTES
    epoch: Epoch
    up_to_seq: SeqOrZero
    """Every seq from 1 up to this one is committed at the centre, or was rejected by it."""
    ranges: tuple[tuple[Seq, Seq], ...] = Field(default=(), max_length=MAX_RECEIPT_RANGES)
    """The same for these ranges after the first gap (like the selective acknowledgement of TCP, RFC 2018)."""
    rejected: tuple[Rejection, ...] = Field(default=(), max_length=MAX_RECEIPT_REJECTED)
    confirmed: tuple[ConfirmedRange, ...] | None = Field(default=None, max_length=MAX_RECEIPT_CONFIRMED)
    """The events of the messages that this receipt answers, by seq and id: a device settles these alone. None: an older centre."""
    backlog_events_per_s: BacklogRate | None = None
    """How fast this device may send its backlog from now on. Null: as fast as it can. Without the field nothing changes."""

    @property
    def sets_backlog_rate(self) -> bool:
        """Whether the field `backlog_events_per_s` is there."""
        return "backlog_events_per_s" in self.model_fields_set

    @property
    def is_greeting(self) -> bool:
        """Whether it answers no event: the centre answers a device that has connected, or tells it a rate."""
        return self.confirmed == () and not self.rejected

    @field_validator("ranges", "confirmed")
    @classmethod
    def _check_ranges(cls, ranges: tuple[tuple[Any, ...], ...] | None) -> tuple[tuple[Any, ...], ...] | None:
        if any(first > last for first, last, *_ in ranges or ()):
            raise ValueError("a range ends before it starts")
        return ranges


BacklogRateChange = tuple[float | None] | None
"""The new rate of a device, where None within is no limit. None: it has not changed."""


def receipt_payload(
    epoch: str,
    up_to_seq: int,
    ranges: Sequence[Range] = (),
    rejected: Sequence[InvalidEvent] = (),
    confirmed: Sequence[tuple[int, int, str]] | None = None,
    *,
    backlog_rate: BacklogRateChange = None,
) -> bytes:
    """A receipt. It contains the first of too many ranges, rejections or confirmed ranges. Later receipts contain the others."""
    is_short = not rejected and not ranges and backlog_rate is None
    if is_short and confirmed is not None:  # nearly all receipts: three times as fast as a JSON library
        spans = ",".join(f'[{first},{last},"{digest}"]' for first, last, digest in confirmed[:MAX_RECEIPT_CONFIRMED])
        return f'{{"epoch":"{epoch}","up_to_seq":{up_to_seq},"ranges":[],"rejected":[],"confirmed":[{spans}]}}'.encode()
    content: dict[str, Any] = {
        "epoch": epoch,
        "up_to_seq": up_to_seq,
        "ranges": [list(one) for one in ranges[:MAX_RECEIPT_RANGES]],
        "rejected": [
            {"id": one.id, "reason": one.reason} for one in rejected[:MAX_RECEIPT_REJECTED] if one.id is not None
        ],
    }
    if confirmed is not None:
        content["confirmed"] = [list(one) for one in confirmed[:MAX_RECEIPT_CONFIRMED]]
    if backlog_rate is not None:
        rate = backlog_rate[0]
        content["backlog_events_per_s"] = None if rate is None else max(MIN_BACKLOG_RATE, float(f"{rate:.6g}"))
    return _compact_json(content).encode()


def _compact_json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _id_of(item: Any) -> str | None:
    """The id of an invalid event, for its rejection."""
    try:
        return str(UUID(item["id"]))
    except (TypeError, KeyError, ValueError, AttributeError):
        return None


def _epoch_of(item: Any) -> str | None:
    """The epoch of an invalid event, for its rejection."""
    try:
        return _epoch_adapter.validate_python(item["data"]["epoch"])
    except (TypeError, KeyError, ValidationError):
        return None
