"""The base of all messages: types of fields with their limits, and conversion from and to payloads.

A reader ignores unknown fields, so that v1 can grow. A field is never renamed, and its meaning never changes.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

MAX_SEQ = 2**53 - 1  # the largest integer that all JSON readers keep exact (RFC 8259 section 6)

Epoch = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,47}$")]
Seq = Annotated[int, Field(ge=1, le=MAX_SEQ)]
SeqOrZero = Annotated[int, Field(ge=0, le=MAX_SEQ)]
ShortText = Annotated[str, Field(max_length=64, pattern=r"^[^\x00]*$")]  # PostgreSQL cannot store NUL in a text
BootId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{0,64}$")]
MAX_MONOTONIC_S = 1e9
"""30 years without a restart."""
MonotonicS = Annotated[float, Field(ge=0, le=MAX_MONOTONIC_S, allow_inf_nan=False)]
FIRST_YEAR, LAST_YEAR = 1970, 2199
"""A clock that was never set begins in 1970. With these years no time zone and no database is at its limits."""


def is_time_in_bounds(at: datetime) -> bool:
    """Whether a time of a message has a time zone and a year that all ledgers can store."""
    return at.tzinfo is not None and FIRST_YEAR <= at.year <= LAST_YEAR


def _check_received_time(value: Any, handler: ValidatorFunctionWrapHandler) -> datetime:
    at: datetime = handler(value)
    if not isinstance(value, datetime) and not is_time_in_bounds(at):
        raise ValueError("the time has no zone, or is far from any real one")
    return at


ReceivedTime = Annotated[datetime, WrapValidator(_check_received_time)]
"""Checked where it comes from a payload. The sender's own clock may say anything."""


class InvalidMessageError(ValueError):
    """The message is invalid. The text is a code, and contains nothing of the message."""


MODEL_CONFIG = ConfigDict(extra="ignore", strict=False, val_json_bytes="base64")


class MessageModel(BaseModel):
    """A message or a part of one. Frozen."""

    model_config = ConfigDict(**MODEL_CONFIG, frozen=True)
    MAX_BYTES: ClassVar[int] = 4096
    """A longer payload is not parsed."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_options: Any) -> None:
        register_field_names(cls.model_fields)

    @classmethod
    def from_payload(cls, payload: bytes) -> Self:
        """Parse and validate a payload. Raises InvalidMessageError."""
        if len(payload) > cls.MAX_BYTES:
            raise InvalidMessageError("too-large")
        content = parse_json(payload)
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise InvalidMessageError(validation_code(error)) from None

    def to_payload(self) -> bytes:
        """The message as JSON."""
        return self.model_dump_json().encode()


def parse_json(payload: bytes) -> Any:
    """Raises InvalidMessageError."""
    try:
        return json.loads(payload.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise InvalidMessageError("not-json") from error


_known_field_names: set[str] = set()


def register_field_names(names: Iterable[str]) -> None:
    """`validation_code` contains only these names, because everything else of a place comes from the message."""
    _known_field_names.update(names)


def validation_code(error: ValidationError) -> str:
    """Which field is invalid, as a wire value such as `bad-data-seq`. Never anything of the message."""
    place = error.errors(include_url=False, include_input=False, include_context=False)[0]["loc"]
    words = "-".join(str(step) for step in place if step in _known_field_names).replace("_", "-").lower()
    return f"bad-{words}"[:48] if words else "not-an-event"
