"""What all words of the wire are made of: fields that are capped and typed, and their reading from bytes.

A reader ignores fields that it does not know, so that `v1` can grow; a field is never renamed, and never means something else.
"""

import json
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

MAX_SEQ = 2**53 - 1  # what JSON readers of other languages keep exact (RFC 8259 section 6)

Epoch = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,47}$")]
Seq = Annotated[int, Field(ge=1, le=MAX_SEQ)]
SeqOrZero = Annotated[int, Field(ge=0, le=MAX_SEQ)]
ShortText = Annotated[str, Field(max_length=64, pattern=r"^[^\x00]*$")]  # PostgreSQL keeps no NUL in a text


class InvalidMessageError(ValueError):
    """What arrived is not what the topic is for; the text says why, and repeats nothing of the content."""


MODEL_CONFIG = ConfigDict(extra="ignore", strict=False, val_json_bytes="base64")


class MessageModel(BaseModel):
    """A message, or a part of one; frozen."""

    model_config = ConfigDict(**MODEL_CONFIG, frozen=True)
    MAX_BYTES: ClassVar[int] = 4096
    """What is longer is not even parsed."""

    @classmethod
    def from_payload(cls, payload: bytes) -> Self:
        """A message that came. Raises MessageError."""
        if len(payload) > cls.MAX_BYTES:
            raise InvalidMessageError("too-large")
        content = parse_json(payload)
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise InvalidMessageError(validation_code(error)) from None

    def to_payload(self) -> bytes:
        """The message to send."""
        return self.model_dump_json().encode()


def parse_json(payload: bytes) -> Any:
    """Raises MessageError."""
    try:
        return json.loads(payload.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise InvalidMessageError("not-json") from error


def validation_code(error: ValidationError) -> str:
    """Which field was wrong, as a word of the wire; never its content."""
    place = error.errors(include_url=False, include_input=False, include_context=False)[0]["loc"]
    words = "-".join(str(step) for step in place if isinstance(step, str)).replace("_", "-").lower()
    return f"bad-{words}"[:48] if words else "not-an-event"
