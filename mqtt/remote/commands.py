"""The commands that a centre gives to one device, and the reply of the device. Pure."""

import base64
import binascii
from collections.abc import Collection
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field, ValidationError

from mqtt.message_model import (
    InvalidMessageError,
    MessageModel,
    ReceivedTime,
    Seq,
    SeqOrZero,
    ShortText,
    Slug,
    validation_code,
)
from mqtt.remote.configuration import ConfigurationReport
from mqtt.remote.fields import OrderId, Sentence, SessionId, WireName

MAX_LIFETIME = timedelta(hours=1)
"""A command that is good for longer is refused."""
MAX_FORGOTTEN = 256
MAX_CONTENT_BYTES = 512 * 1024
"""Of a log or a support bundle."""
PART_BYTES = 24 * 1024
"""Of the content, in one reply."""
MAX_PARTS = -(-MAX_CONTENT_BYTES // PART_BYTES)


class CommandName(StrEnum):
    """Wire values. None of them sends a picture of the camera."""

    PAUSE = "pause"
    RESUME = "resume"
    RESTART = "restart"
    LAMP_TEST = "lamp-test"
    SEND_LOG = "send-log"
    SUPPORT_BUNDLE = "support-bundle"
    RELEASE_QUARANTINE = "release-quarantine"
    FORGET = "forget"


class NoArguments(MessageModel):
    """Of a command that has none."""


class PauseArguments(MessageModel):
    """How long the gate is paused. It resumes by itself."""

    minutes: Annotated[int, Field(ge=1, le=24 * 60)]


class SendLogArguments(MessageModel):
    """Which lines of the log."""

    lines: Annotated[int, Field(ge=1, le=1000)] = 200
    """The newest."""
    level: Literal["info", "warning", "error"] = "info"
    """This level and higher ones."""


class ForgetArguments(MessageModel):
    """Which access events the device forgets."""

    ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=MAX_FORGOTTEN)]


Arguments = NoArguments | PauseArguments | SendLogArguments | ForgetArguments
ARGUMENTS: dict[CommandName, type[Arguments]] = {
    CommandName.PAUSE: PauseArguments,
    CommandName.RESUME: NoArguments,
    CommandName.RESTART: NoArguments,
    CommandName.LAMP_TEST: NoArguments,
    CommandName.SEND_LOG: SendLogArguments,
    CommandName.SUPPORT_BUNDLE: NoArguments,
    CommandName.RELEASE_QUARANTINE: NoArguments,
    CommandName.FORGET: ForgetArguments,
}


class CommandMessage(MessageModel):
    """What the fleet key signs."""

    MAX_BYTES: ClassVar[int] = 16 * 1024
    id: OrderId
    device: WireName
    session: SessionId
    """That of the device's newest hello."""
    counter: Seq
    """Higher than that of each order before, to this device."""
    issued_at: ReceivedTime
    expires_at: ReceivedTime
    name: Slug
    """A CommandName, or one of a later release."""
    arguments: dict[str, Any] = Field(default_factory=dict, max_length=8)
    requested_by: ShortText
    """Name of the account, or `cli:NAME`."""
    reason: Sentence

    @property
    def lifetime(self) -> timedelta:
        """From issue to expiry."""
        return self.expires_at - self.issued_at


class UnsupportedCommandError(Exception):
    """This release does not know the command."""


def parse_arguments(
    name: str, arguments: dict[str, Any], supported: Collection[CommandName] = tuple(CommandName)
) -> tuple[CommandName, Arguments]:
    """Check the arguments of a command. Raises UnsupportedCommandError and InvalidMessageError."""
    known = next((each for each in supported if each.value == name), None)
    if known is None:
        raise UnsupportedCommandError(name)
    try:
        return known, ARGUMENTS[known].model_validate(arguments)
    except ValidationError as error:
        raise InvalidMessageError(validation_code(error)) from None


class ReplyState(StrEnum):
    """How far a command is. Wire values."""

    ACCEPTED = "accepted"
    """It is checked and written down. It is being done."""
    PART = "part"
    """A part of the content."""
    DONE = "done"
    REFUSED = "refused"
    """Nothing was done. `code` says why."""
    FAILED = "failed"
    """It was tried. `code` and `detail` say why it failed."""

    @property
    def is_final(self) -> bool:
        """Whether no other reply follows."""
        return self in {ReplyState.DONE, ReplyState.REFUSED, ReplyState.FAILED}


class ReplyMessage(MessageModel):
    """What a device says about a command. Its id is in the topic too."""

    MAX_BYTES: ClassVar[int] = 48 * 1024
    id: OrderId
    state: ReplyState
    at: ReceivedTime
    code: Slug | None = None
    """Why it was refused or failed."""
    detail: Sentence = ""
    """A technical text in English. Never anything of a person."""
    count: SeqOrZero | None = None
    """How many events are concerned."""
    part: Annotated[int, Field(ge=1, le=MAX_PARTS)] | None = None
    """1, 2, 3 ... of a content."""
    parts: Annotated[int, Field(ge=0, le=MAX_PARTS)] = 0
    """How many parts came before, of a command that is done."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """Of the whole content."""
    content: Annotated[str, Field(max_length=4 * (PART_BYTES // 3), pattern=r"^[A-Za-z0-9+/]*={0,2}$", repr=False)] = ""
    """Base64."""

    @property
    def content_bytes(self) -> bytes:
        """The part itself. Raises InvalidMessageError."""
        try:
            return base64.b64decode(self.content, validate=True)
        except binascii.Error as error:
            raise InvalidMessageError("bad-content") from error


class HelloMessage(MessageModel):
    """What a device says on every connect. Only then may orders be sent to it."""

    MAX_BYTES: ClassVar[int] = 24 * 1024
    session: SessionId
    at: ReceivedTime
    software_version: ShortText = ""
    commands: tuple[Slug, ...] = Field(default=(), max_length=32)
    """What it can do."""
    lists: dict[Slug, SeqOrZero] = Field(default_factory=dict, max_length=8)
    """Number of each signed list in force: `trust`, `deny`. 0: none is. A kind that it does not use is not there."""
    list_errors: dict[Slug, Slug] = Field(default_factory=dict, max_length=8)
    """Why the last list of a kind that came is not in force: `other-base`, `wrong-hash`, `unusable`."""
    configuration: ConfigurationReport | None = None
    """What is in force over its configuration file. Null: it takes no configuration of the centre."""
