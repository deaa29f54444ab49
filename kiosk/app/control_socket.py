"""Unix socket server and client for commands from the web UI and the command line.

One connection carries one command and one response, each a line of JSON. Authorization uses the peer credentials of the
kernel (SO_PEERCRED, unix(7)): root, the user of the daemon, and members of the group of the socket file may send commands.
A command has a maximum length, is parsed into a type and passed to its handler. A peer can block this thread for some
seconds at most, and never the gate thread.
"""

import json
import logging
import os
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config

from kiosk.core.model import Direction, ManualReason, Outcome
from kiosk.core.ports import KioskError

log = logging.getLogger(__name__)

SOCKET_FILE = "control.sock"
MAX_COMMAND_BYTES = 4096
MAX_RESPONSE_BYTES = 1024 * 1024
PEER_TIMEOUT_S = 2.0
"""How long a peer may take to send its command, or to receive its response."""
ACCEPT_TIMEOUT_S = 0.25
SO_PEERGROUPS = 59  # <asm-generic/socket.h>, missing in Python 3.11
_UCRED = struct.Struct("3i")  # pid, uid, gid

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
    command: Literal["pause"] = "pause"


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


Command = (
    AdmitCommand | UndoCommand | ShowSignalCommand | PauseCommand | ReleaseQuarantineCommand | CapturePreviewCommand
)
HandlerMap = Mapping[type[Command], Callable[[Any], Mapping[str, Any]]]

_COMMANDS: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="command")])


@dataclass(frozen=True, slots=True)
class Response:
    """Result of a command."""

    ok: bool
    error_code: str = ""
    """`not-allowed`, `invalid-command`, `unsupported-command`, `failed` or a code of the handler. Empty if done."""
    message: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PeerCredentials:
    """Process, user and groups of the client, from the kernel."""

    pid: int
    uid: int
    groups: frozenset[int]


class CommandRejectedError(KioskError):
    """A handler rejects the command. Text and `error_code` are sent to the client."""

    def __init__(self, message: str, error_code: str = "failed") -> None:
        self.error_code = error_code
        super().__init__(message)


class ControlServer:
    """The server. One thread calls `step`. Any thread may call `close`."""

    def __init__(self, run_dir: Path, handlers: HandlerMap, *, owner_uid: int | None = None) -> None:
        """Create the socket in `run_dir`. Handlers are called in the thread of `step`. Raises KioskError."""
        self.path = run_dir / SOCKET_FILE
        self._handlers = handlers
        self._owner_uid = os.getuid() if owner_uid is None else owner_uid
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.path.unlink(missing_ok=True)  # left by a killed daemon
            self._listener.bind(str(self.path))
            self.path.chmod(0o660)
            self._listener.listen(8)
        except OSError as error:
            self._listener.close()
            raise KioskError(f"{self.path}: cannot create control socket: {error.strerror or error}") from error
        self._listener.settimeout(ACCEPT_TIMEOUT_S)
        self._group = self.path.stat().st_gid

    def step(self) -> float:
        """Serve one peer, or wait for one for at most ACCEPT_TIMEOUT_S. Returns the delay until the next step, seconds."""
        try:
            connection, _ = self._listener.accept()
        except TimeoutError:
            return 0.0
        except OSError:  # closed
            return ACCEPT_TIMEOUT_S
        with connection:
            connection.settimeout(PEER_TIMEOUT_S)
            try:
                response = self._respond(connection)
                connection.sendall(json.dumps(asdict(response), ensure_ascii=False).encode() + b"\n")
            except OSError as error:
                log.info("a client of the control socket disconnected: %s", error)
        return 0.0

    def close(self) -> None:
        """Stop and remove the socket file."""
        self._listener.close()
        self.path.unlink(missing_ok=True)

    def _respond(self, connection: socket.socket) -> Response:
        peer = peer_credentials(connection)
        if not self._is_authorized(peer):
            log.warning("command refused: process %d, user %d", peer.pid, peer.uid)
            return Response(ok=False, error_code="not-allowed", message="This user may not send commands to the kiosk.")
        line = read_line(connection, MAX_COMMAND_BYTES)
        if line is None:
            return Response(
                ok=False,
                error_code="invalid-command",
                message=f"A command is one line of at most {MAX_COMMAND_BYTES} bytes.",
            )
        try:
            command = _COMMANDS.validate_json(line)
        except ValidationError as error:
            where = ", ".join(".".join(map(str, each["loc"])) or "command" for each in error.errors(include_url=False))
            return Response(ok=False, error_code="invalid-command", message=f"Invalid command. Wrong: {where}.")
        return self._execute(command, peer)

    def _is_authorized(self, peer: PeerCredentials) -> bool:
        return peer.uid in {0, self._owner_uid} or self._group in peer.groups

    def _execute(self, command: Command, peer: PeerCredentials) -> Response:
        handler = self._handlers.get(type(command))
        if handler is None:
            return Response(
                ok=False, error_code="unsupported-command", message="This kiosk does not support this command."
            )
        log.info("command %s from process %d, user %d", command.command, peer.pid, peer.uid)
        try:
            return Response(ok=True, detail=handler(command))
        except KioskError as error:
            log.warning("command %s failed: %s", command.command, error)
            code = error.error_code if isinstance(error, CommandRejectedError) else "failed"
            return Response(ok=False, error_code=code, message=str(error))


def peer_credentials(connection: socket.socket) -> PeerCredentials:
    """Credentials of the peer of a Unix connection, from the kernel."""
    pid, uid, gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    raw = connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, 1024)  # Python's limit: 256 groups
    return PeerCredentials(pid, uid, frozenset({gid, *struct.unpack(f"{len(raw) // 4}I", raw)}))


def read_line(connection: socket.socket, limit: int) -> bytes | None:
    """One line without its line end. None if it is longer than `limit` bytes or incomplete. Raises OSError, also for a timeout."""
    received = bytearray()
    while b"\n" not in received and len(received) <= limit:
        chunk = connection.recv(4096)
        if not chunk:
            return None
        received += chunk
    line, end, _ = bytes(received).partition(b"\n")
    return line if end and len(line) <= limit else None


def send_command(run_dir: Path, command: Command) -> Response:
    """Send a command to the daemon of `run_dir` and wait for the response. Raises KioskError if there is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(2 * PEER_TIMEOUT_S)
        try:
            connection.connect(str(run_dir / SOCKET_FILE))
            connection.sendall(json.dumps(asdict(command)).encode() + b"\n")
            line = read_line(connection, MAX_RESPONSE_BYTES)
        except OSError as error:
            raise KioskError(f"The kiosk does not take commands: {error.strerror or error}.") from error
    try:
        return Response(**json.loads(line or b""))
    except (ValueError, TypeError) as error:
        raise KioskError(
            "The response of the kiosk is invalid. Web UI and kiosk may have different versions."
        ) from error
