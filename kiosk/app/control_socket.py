"""The daemon's ear for people: orders from the pages and the command line, over a Unix socket.

One connection carries one order and one answer, each a line of JSON. Who may order is decided by the kernel's word on the peer
(SO_PEERCRED, unix(7)): root, the daemon's own user, and members of the socket file's group. An order is length-capped, parsed into
a type, and handed to its handler; whatever a peer does, it holds this thread for at most some seconds, and never the gate's.
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
"""How long a peer may take to say its order, or to take its answer."""
ACCEPT_TIMEOUT_S = 0.25
SO_PEERGROUPS = 59  # <asm-generic/socket.h>; Python 3.11 does not name it
_UCRED = struct.Struct("3i")  # pid, uid, gid

_forbid_extra = with_config(ConfigDict(extra="forbid"))


@_forbid_extra
@dataclass(frozen=True, slots=True)
class AdmitCommand:
    """Let one person through by hand ("khai hộ"), with a record."""

    direction: Direction
    manual_reason: ManualReason | None = None
    """What the guard gives as his reason."""
    command: Literal["admit"] = "admit"


@_forbid_extra
@dataclass(frozen=True, slots=True)
class UndoCommand:
    """Take the last passage back, with a record that annuls it."""

    manual_reason: ManualReason
    seq: int | None = None
    """The record that the guard means: another one is left alone. None: whichever is the last."""
    command: Literal["undo"] = "undo"


@_forbid_extra
@dataclass(frozen=True, slots=True)
class ShowSignalCommand:
    """Play an outcome's pattern on the lamps, without a record."""

    outcome: Outcome
    command: Literal["show-signal"] = "show-signal"


@_forbid_extra
@dataclass(frozen=True, slots=True)
class PauseCommand:
    """Stop answering people, or go on."""

    paused: bool
    command: Literal["pause"] = "pause"


@_forbid_extra
@dataclass(frozen=True, slots=True)
class ReleaseQuarantineCommand:
    """Send again what the centre refused: all of it, or one record."""

    seq: Annotated[int, Field(ge=1, le=2**62)] | None = None
    """Number of the record; None: all."""
    command: Literal["release-quarantine"] = "release-quarantine"


@_forbid_extra
@dataclass(frozen=True, slots=True)
class CapturePreviewCommand:
    """Look through the camera: a small picture for aiming, without codes, that nobody keeps."""

    command: Literal["capture-preview"] = "capture-preview"


Command = (
    AdmitCommand | UndoCommand | ShowSignalCommand | PauseCommand | ReleaseQuarantineCommand | CapturePreviewCommand
)
HandlerMap = Mapping[type[Command], Callable[[Any], Mapping[str, Any]]]

_COMMANDS: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="command")])


@dataclass(frozen=True, slots=True)
class Response:
    """What became of an order."""

    ok: bool
    error_code: str = ""
    """`not-allowed`, `invalid-command`, `unsupported-command`, `failed` or a handler's own word; empty where it was done."""
    message: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PeerCredentials:
    """Who is at the other end, by the kernel's word."""

    pid: int
    uid: int
    groups: frozenset[int]


class CommandRejectedError(KioskError):
    """A handler will not do it; the text goes to whoever ordered, with `error` as the answer's word."""

    def __init__(self, message: str, error_code: str = "failed") -> None:
        self.error_code = error_code
        super().__init__(message)


class ControlServer:
    """The listening end. `step` belongs to one thread; `close` may come from another."""

    def __init__(self, run_dir: Path, handlers: HandlerMap, *, owner_uid: int | None = None) -> None:
        """Open the socket in `run_dir`. Handlers are called in the thread of `step`. Raises KioskError."""
        self.path = run_dir / SOCKET_FILE
        self._handlers = handlers
        self._owner_uid = os.getuid() if owner_uid is None else owner_uid
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.path.unlink(missing_ok=True)  # of a daemon that was killed
            self._listener.bind(str(self.path))
            self.path.chmod(0o660)
            self._listener.listen(8)
        except OSError as error:
            self._listener.close()
            raise KioskError(f"{self.path}: orders cannot be heard there: {error.strerror or error}") from error
        self._listener.settimeout(ACCEPT_TIMEOUT_S)
        self._group = self.path.stat().st_gid

    def step(self) -> float:
        """Hear one peer, or nobody for a quarter of a second. Returns the delay until the next step."""
        try:
            connection, _ = self._listener.accept()
        except TimeoutError:
            return 0.0
        except OSError:  # closed
            return ACCEPT_TIMEOUT_S
        with connection:
            connection.settimeout(PEER_TIMEOUT_S)
            try:
                answer = self._respond(connection)
                connection.sendall(json.dumps(asdict(answer), ensure_ascii=False).encode() + b"\n")
            except OSError as error:
                log.info("a peer of the control socket went away: %s", error)
        return 0.0

    def close(self) -> None:
        """Hear nobody any more."""
        self._listener.close()
        self.path.unlink(missing_ok=True)

    def _respond(self, connection: socket.socket) -> Response:
        peer = peer_credentials(connection)
        if not self._is_authorized(peer):
            log.warning("refused an order of process %d, user %d", peer.pid, peer.uid)
            return Response(ok=False, error_code="not-allowed", message="This user may not give orders to the kiosk.")
        line = read_line(connection, MAX_COMMAND_BYTES)
        if line is None:
            return Response(
                ok=False,
                error_code="invalid-command",
                message=f"An order is one line of at most {MAX_COMMAND_BYTES} bytes.",
            )
        try:
            order = _COMMANDS.validate_json(line)
        except ValidationError as error:
            where = ", ".join(
                ".".join(map(str, each["loc"])) or "command" for each in error.errors(include_url=False)
            )
            return Response(ok=False, error_code="invalid-command", message=f"Not an order; wrong: {where}.")
        return self._execute(order, peer)

    def _is_authorized(self, peer: PeerCredentials) -> bool:
        return peer.uid in {0, self._owner_uid} or self._group in peer.groups

    def _execute(self, command: Command, peer: PeerCredentials) -> Response:
        handler = self._handlers.get(type(command))
        if handler is None:
            return Response(ok=False, error_code="unsupported-command", message="This kiosk does not take that order.")
        log.info("command %s from process %d, user %d", command.command, peer.pid, peer.uid)
        try:
            return Response(ok=True, detail=handler(command))
        except KioskError as error:
            log.warning("command %s failed: %s", command.command, error)
            code = error.error_code if isinstance(error, CommandRejectedError) else "failed"
            return Response(ok=False, error_code=code, message=str(error))


def peer_credentials(connection: socket.socket) -> PeerCredentials:
    """The kernel's word on the other end of a Unix connection."""
    pid, uid, gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    raw = connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, 1024)  # Python's limit: 256 groups
    return PeerCredentials(pid, uid, frozenset({gid, *struct.unpack(f"{len(raw) // 4}I", raw)}))


def read_line(connection: socket.socket, limit: int) -> bytes | None:
    """One line without its end; None where it is longer than `limit` bytes or never ends. Raises OSError, also for silence."""
    heard = bytearray()
    while b"\n" not in heard and len(heard) <= limit:
        more = connection.recv(4096)
        if not more:
            return None
        heard += more
    line, end, _ = bytes(heard).partition(b"\n")
    return line if end and len(line) <= limit else None


def send_command(run_dir: Path, command: Command) -> Response:
    """Give an order to the daemon of `run_dir`, and wait for the answer. Raises KioskError where it is not to be had."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(2 * PEER_TIMEOUT_S)
        try:
            connection.connect(str(run_dir / SOCKET_FILE))
            connection.sendall(json.dumps(asdict(command)).encode() + b"\n")
            line = read_line(connection, MAX_RESPONSE_BYTES)
        except OSError as error:
            raise KioskError(f"The kiosk does not take orders: {error.strerror or error}.") from error
    try:
        return Response(**json.loads(line or b""))
    except (ValueError, TypeError) as error:
        raise KioskError("The kiosk's answer could not be understood; page and kiosk differ in version.") from error
