"""The commands that the daemon takes over its control socket, and the response to one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, JsonValue, TypeAdapter, with_config

from kiosk.core.model import Direction, ManualReason, Outcome
from kiosk.core.ports import KioskError
from kiosk.core.status import PauseReason

SOCKET_FILE = "control.sock"
MAX_COMMAND_BYTES = 4096
MAX_RESPONSE_BYTES = 1024 * 1024
COMMAND_DEADLINE_S = 2.0
"""A peer has this long for its whole command, and as long again to receive its whole response."""
CLIENT_DEADLINE_S = 3 * COMMAND_DEADLINE_S
"""What a client waits in all: to be accepted, for its turn, and for the response."""

_forbid_extra = with_config(ConfigDict(extra="forbid"))


@_forbid_extra
@dataclass(frozen=True, slots=True)
class AdmitCommand:
    """Admit one person without a code. It is recorded."""

    direction: Direction
    manual_reason: ManualReason | None = None
    """The reason that the guard gives."""
    command: Literal["admit"] = "admit"


@_forbid_extra
@dataclass(frozen=True, slots=True)
class UndoCommand:
    """Undo the last event. It is recorded by an event that annuls it."""

    manual_reason: ManualReason
    seq: int | None = None
    """Number of the event that the guard means. If it is not the last one, nothing is undone. None: the last one."""
    command: Literal["undo"] = "undo"


@_forbid_extra
@dataclass(frozen=True, slots=True)
class ShowSignalCommand:
    """Play the pattern of an outcome. It is not recorded."""

    outcome: Outcome
    command: Literal["show-signal"] = "show-signal"


@_forbid_extra
@dataclass(frozen=True, slots=True)
class PauseCommand:
    """Pause or resume the gate."""

    paused: bool
    reason: PauseReason | None = None
    """Why it is paused."""
    duration_s: Annotated[float, Field(gt=0, le=86_400)] | None = None
    """The pause ends by itself after this time. None: a person ends it."""
    command: Literal["pause"] = "pause"


@_forbid_extra
@dataclass(frozen=True, slots=True)
class RestartCommand:
    """Start the program again, with the present configuration file. No record is lost."""

    command: Literal["restart"] = "restart"


@_forbid_extra
@dataclass(frozen=True, slots=True)
class ReleaseQuarantineCommand:
    """Send events again that the centre rejected."""

    seq: Annotated[int, Field(ge=1, le=2**62)] | None = None
    """Number of the event. None: all."""
    command: Literal["release-quarantine"] = "release-quarantine"


@_forbid_extra
@dataclass(frozen=True, slots=True)
class CapturePreviewCommand:
    """Capture a small image for aiming the camera. Codes in it are masked, and it is not stored."""

    command: Literal["capture-preview"] = "capture-preview"


@_forbid_extra
@dataclass(frozen=True, slots=True)
class AcknowledgeReleaseCommand:
    """An administrator has read that a release was taken back. Status and pages no longer show it."""

    command: Literal["acknowledge-release"] = "acknowledge-release"


@_forbid_extra
@dataclass(frozen=True, slots=True)
class CheckConfigurationCommand:
    """Check a change of settings. Nothing is changed. The detail has the `errors`."""

    values: Annotated[dict[str, JsonValue], Field(max_length=200)]
    """By dotted name."""
    removed: Annotated[tuple[str, ...], Field(max_length=200)] = ()
    """Names that get the value of the centre or of the file again."""
    command: Literal["check-configuration"] = "check-configuration"


@_forbid_extra
@dataclass(frozen=True, slots=True)
class TryConfigurationCommand:
    """Put a change of settings on trial. The kiosk starts again with it."""

    values: Annotated[dict[str, JsonValue], Field(max_length=200)]
    who: Annotated[str, Field(min_length=1, max_length=64)]
    removed: Annotated[tuple[str, ...], Field(max_length=200)] = ()
    reason: Annotated[str, Field(max_length=200)] = ""
    command: Literal["try-configuration"] = "try-configuration"


@_forbid_extra
@dataclass(frozen=True, slots=True)
class KeepConfigurationCommand:
    """Keep what is on trial, without waiting for its end."""

    command: Literal["keep-configuration"] = "keep-configuration"


@_forbid_extra
@dataclass(frozen=True, slots=True)
class RollBackConfigurationCommand:
    """Take back what is on trial. The kiosk starts again."""

    command: Literal["roll-back-configuration"] = "roll-back-configuration"


Command = (
    AdmitCommand
    | UndoCommand
    | ShowSignalCommand
    | PauseCommand
    | RestartCommand
    | ReleaseQuarantineCommand
    | CapturePreviewCommand
    | AcknowledgeReleaseCommand
    | CheckConfigurationCommand
    | TryConfigurationCommand
    | KeepConfigurationCommand
    | RollBackConfigurationCommand
)
HandlerMap = Mapping[type[Command], Callable[[Any], Mapping[str, Any]]]

COMMANDS: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="command")])


@dataclass(frozen=True, slots=True)
class Response:
    """Result of a command."""

    ok: bool
    error_code: str = ""
    """`not-allowed`, `invalid-command`, `unsupported-command`, `failed` or a code of the handler. Empty if done."""
    message: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


class CommandRejectedError(KioskError):
    """A handler rejects the command. Text and `error_code` are sent to the client."""

    def __init__(self, message: str, error_code: str = "failed") -> None:
        self.error_code = error_code
        super().__init__(message)
