"""The base of all messages: types of fields with their limits, and conversion from and to payloads.

A reader ignores unknown fields, so that v1 can grow. A field is never renamed, and its meaning never changes.
"""

import json
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

MAX_SEQ = 2**53 - 1  # the largest integer that all JSON readers keep exact (RFC 8259 section 6)

Epoch = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,47}$")]
Seq = Annotated[int, Field(ge=1, le=MAX_SEQ)]
SeqOrZero = Annotated[int, Field(ge=0, le=MAX_SEQ)]
ShortText = Annotated[str, Field(max_length=64, pattern=r"^[^\x00]*$")]  # PostgreSQL cannot store NUL in a text


class InvalidMessageError(ValueError):
    """The message is invalid. The text is a code, and contains nothing of the message."""


MODEL_CONFIG = ConfigDict(extra="ignore", strict=False, val_json_bytes="base64")


class MessageModel(BaseModel):
    """A message or a part of one. Frozen."""

    model_config = ConfigDict(**MODEL_CONFIG, frozen=True)
    MAX_BYTES: ClassVar[int] = 4096
    """A longer payload is not parsed."""

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


def validation_code(error: ValidationError) -> str:
    """Which field is invalid, as a wire value such as `bad-data-seq`. Never its content."""
    place = error.errors(include_url=False, include_input=False, include_context=False)[0]["loc"]
    words = "-".join(str(step) for step in place if isinstance(step, str)).replace("_", "-").lower()
    return f"bad-{words}"[:48] if words else "not-an-event"
