"""Unix socket server for commands from the web UI and the command line.

One connection carries one command and one response, each a line of JSON. Authorization uses the peer credentials of the
kernel (SO_PEERCRED, unix(7)): root, the user of the daemon, and members of the group of the socket file may send commands.
One thread serves all peers. Each peer has a deadline for its whole command and for its whole response, whatever it sends.
"""

import errno
import json
import logging
import os
import select
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import ValidationError

from kiosk.app.control_socket.commands import (
    COMMAND_DEADLINE_S,
    COMMANDS,
    MAX_COMMAND_BYTES,
    SOCKET_FILE,
    Command,
    CommandRejectedError,
    HandlerMap,
    Response,
)
from kiosk.core.ports import KioskError

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 16
STEP_TIMEOUT_S = 0.25
_BACKLOG = 64
_LOG_INTERVAL_S = 60.0
SO_PEERGROUPS = 59  # <asm-generic/socket.h>, missing in Python 3.11
_NO_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
"""Of accept(2): the peer waits in the queue of the kernel."""
_UCRED = struct.Struct("3i")  # pid, uid, gid


@dataclass(frozen=True, slots=True)
class PeerCredentials:
    """Process, user and groups of the client, from the kernel."""

    pid: int
    uid: int
    groups: frozenset[int]


@dataclass(slots=True, eq=False)
class _Connection:
    """One peer: first its command is received, then it waits for its turn, then its response is sent."""

    socket: socket.socket
    peer: PeerCredentials
    deadline_s: float
    received: bytearray = field(default_factory=bytearray)
    command: Command | None = None
    to_send: memoryview | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the peer has sent all that is expected of it."""
        return self.command is not None or self.to_send is not None


class ControlServer:
    """The server. `step` belongs to one thread. `close` may come from another."""

    def __init__(
        self,
        run_dir: Path,
        handlers: HandlerMap,
        *,
        owner_uid: int | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the socket in `run_dir`. Handlers are called in the thread of `step`. Raises KioskError."""
        self.path = run_dir / SOCKET_FILE
        self._handlers = handlers
        self._owner_uid = os.getuid() if owner_uid is None else owner_uid
        self._monotonic = monotonic
        self._connections: list[_Connection] = []
        self._served_s: dict[int, float] = {}
        """User -> when its last command was executed."""
        self._cut_off = 0
        self._logged_s = -_LOG_INTERVAL_S
        self._closed = False
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.path.unlink(missing_ok=True)  # of a daemon that was killed
            self._listener.bind(str(self.path))
            self.path.chmod(0o660)
            self._listener.listen(_BACKLOG)
        except OSError as error:
            self._listener.close()
            raise KioskError(f"{self.path}: cannot create control socket: {error.strerror or error}") from error
        self._listener.setblocking(False)
        self._group = self.path.stat().st_gid

    def step(self, timeout_s: float = STEP_TIMEOUT_S) -> float:
        """Serve all peers once and execute at most one command. Waits for `timeout_s` at most.

        Returns the delay until the next step, seconds.
        """
        try:
            self._wait(timeout_s)
            is_exhausted = not self._accept()
        except (OSError, ValueError):  # closed in another thread
            if not self._closed:
                raise
            return STEP_TIMEOUT_S
        now_s = self._monotonic()
        for connection in [each for each in self._connections if not each.is_complete]:
            self._receive(connection)
        self._drop_late_peers(now_s)
        self._execute_next()
        for connection in [each for each in self._connections if each.to_send is not None]:
            self._send(connection)
        return (
            STEP_TIMEOUT_S if is_exhausted else 0.0
        )  # a peer that cannot be accepted makes the listener ready all the time

    def close(self) -> None:
        """Close the socket and all connections."""
        self._closed = True
        self._listener.close()
        for connection in self._connections:
            connection.socket.close()
        self.path.unlink(missing_ok=True)

    def _wait(self, timeout_s: float) -> None:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        for connection in self._connections:
            if connection.command is None:
                poll.register(connection.socket, select.POLLIN if connection.to_send is None else select.POLLOUT)
        now_s = self._monotonic()
        until_s = [max(0.0, connection.deadline_s - now_s) for connection in self._connections]
        is_ready = any(connection.command is not None for connection in self._connections)
        poll.poll(0 if is_ready else 1000 * min([timeout_s, *until_s]))

    def _accept(self) -> bool:
        """Accept new peers. Each is received at once, because an honest peer has sent its command already.

        False where the process has no descriptor or memory for another peer.
        """
        for _ in range(_BACKLOG):
            try:
                accepted, _ = self._listener.accept()
            except BlockingIOError:
                return True
            except OSError as error:
                if self._closed or error.errno not in _NO_RESOURCES:
                    raise
                self._log_cut_off(f"{error.strerror}. They are accepted later")
                return False
            accepted.setblocking(False)
            try:
                peer = peer_credentials(accepted)
            except OSError as error:  # more groups than Python reads
                accepted.close()
                self._log_cut_off(f"the groups of the peer cannot be read: {error.strerror}")
                continue
            connection = _Connection(accepted, peer, self._monotonic() + COMMAND_DEADLINE_S)
            self._make_room(connection.peer.uid)
            self._connections.append(connection)
            if self._is_authorized(connection.peer):
                self._receive(connection)
            else:
                log.warning("command refused: process %d, user %d", connection.peer.pid, connection.peer.uid)
                refusal = "This user may not send commands to the kiosk."
                self._respond(connection, Response(ok=False, error_code="not-allowed", message=refusal))
        return True

    def _make_room(self, uid: int) -> None:
        """Drop one connection if there are too many: of the user with most of them, an incomplete and old one first."""
        if len(self._connections) < MAX_CONNECTIONS:
            return
        count = Counter(connection.peer.uid for connection in self._connections)
        count[uid] += 1
        self._drop(
            min(self._connections, key=lambda each: (-count[each.peer.uid], each.is_complete, each.deadline_s)),
            "too many connections",
        )

    def _receive(self, connection: _Connection) -> None:
        try:
            received = connection.socket.recv(MAX_COMMAND_BYTES + 1)
        except BlockingIOError:
            return
        except OSError as error:
            self._drop(connection, str(error))
            return
        connection.received += received
        line, end, _ = bytes(connection.received).partition(b"\n")
        if len(line) > MAX_COMMAND_BYTES or (not received and not end):
            message = f"A command is one line of at most {MAX_COMMAND_BYTES} bytes."
            self._respond(connection, Response(ok=False, error_code="invalid-command", message=message))
        elif end:
            self._parse(connection, line)

    def _parse(self, connection: _Connection, line: bytes) -> None:
        try:
            connection.command = COMMANDS.validate_json(line)
            connection.deadline_s = self._monotonic() + COMMAND_DEADLINE_S
        except ValidationError as error:
            where = ", ".join(".".join(map(str, each["loc"])) or "command" for each in error.errors(include_url=False))
            message = f"Invalid command. Wrong: {where}."
            self._respond(connection, Response(ok=False, error_code="invalid-command", message=message))

    def _is_authorized(self, peer: PeerCredentials) -> bool:
        return peer.uid in {0, self._owner_uid} or self._group in peer.groups

    def _execute_next(self) -> None:
        """Execute one command, of the user who has waited longest since their last one. So no user can keep the others out."""
        waiting = [each for each in self._connections if each.command is not None]
        if not waiting:
            return
        connection = min(waiting, key=lambda each: self._served_s.get(each.peer.uid, float("-inf")))
        command, connection.command = connection.command, None
        assert command is not None, "only waiting connections have a command"
        if not _is_connected(connection.socket):
            self._drop(connection, "the peer disconnected")  # its user was told that nothing was done
            return
        response = self._execute(command, connection.peer)
        self._served_s = {
            **dict(list(self._served_s.items())[-MAX_CONNECTIONS:]),
            connection.peer.uid: self._monotonic(),
        }
        self._respond(connection, response)

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

    def _respond(self, connection: _Connection, response: Response) -> None:
        connection.to_send = memoryview(json.dumps(asdict(response), ensure_ascii=False).encode() + b"\n")
        connection.deadline_s = self._monotonic() + COMMAND_DEADLINE_S
        self._send(connection)

    def _send(self, connection: _Connection) -> None:
        assert connection.to_send is not None, "only a connection with a response is sent to"
        try:
            while connection.to_send:
                connection.to_send = connection.to_send[connection.socket.send(connection.to_send) :]
        except BlockingIOError:
            return
        except OSError as error:
            self._drop(connection, str(error))
            return
        self._remove(connection)

    def _drop_late_peers(self, now_s: float) -> None:
        """`now_s` is from before the last data was received: a peer is not late because this thread was."""
        for connection in [each for each in self._connections if each.deadline_s <= now_s]:
            if connection.command is not None:
                connection.command = None
                busy = Response(
                    ok=False, error_code="failed", message="The kiosk was busy. The command was not executed."
                )
                self._respond(connection, busy)
            else:
                self._drop(connection, "the peer is too slow")

    def _drop(self, connection: _Connection, reason: str) -> None:
        """Close a connection."""
        self._log_cut_off(reason)
        self._remove(connection)

    def _log_cut_off(self, reason: str) -> None:
        """The log gets a line a minute at most, however many peers there are."""
        self._cut_off += 1
        if self._monotonic() >= self._logged_s + _LOG_INTERVAL_S:
            log.info(
                "%d connections of the control socket were cut off, the last one because: %s", self._cut_off, reason
            )
            self._cut_off, self._logged_s = 0, self._monotonic()

    def _remove(self, connection: _Connection) -> None:
        connection.socket.close()
        if connection in self._connections:
            self._connections.remove(connection)


def _is_connected(connection: socket.socket) -> bool:
    poll = select.poll()
    poll.register(connection, 0)  # POLLHUP is always reported
    return not poll.poll(0)


def peer_credentials(connection: socket.socket) -> PeerCredentials:
    """Who the peer of a Unix connection is, as the kernel says."""
    pid, uid, gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    raw = connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, 1024)  # Python's limit: 256 groups
    return PeerCredentials(pid, uid, frozenset({gid, *struct.unpack(f"{len(raw) // 4}I", raw)}))
