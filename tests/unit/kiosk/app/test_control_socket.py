"""Control socket: authorization, parsing of commands, and silent or dead peers."""

import json
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.app import control_socket
from kiosk.app.control_socket import (
    AdmitCommand,
    CommandRejectedError,
    ControlServer,
    PauseCommand,
    PeerCredentials,
    ReleaseQuarantineCommand,
    Response,
    ShowSignalCommand,
    UndoCommand,
)
from kiosk.app.control_socket.commands import CLIENT_DEADLINE_S
from kiosk.core.model import Direction, ManualReason, Outcome
from kiosk.core.ports import KioskError


class Daemon:
    """A control server in a thread. Its handlers record the commands."""

    def __init__(self, run_dir: Path, *, refuses: bool = False, owner_uid: int | None = None) -> None:
        self.commands: list[control_socket.Command] = []
        self._refuses = refuses
        handlers = {
            AdmitCommand: self._keep,
            UndoCommand: self._keep,
            ShowSignalCommand: self._keep,
            PauseCommand: self._keep,
        }
        self.control = ControlServer(run_dir, handlers, owner_uid=owner_uid)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _keep(self, command: control_socket.Command) -> Mapping[str, Any]:
        if self._refuses:
            raise CommandRejectedError("the disk takes no record")
        self.commands.append(command)
        return {"seq": len(self.commands)}

    def _run(self) -> None:
        while not self._stop.wait(self.control.step()):
            continue

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self.control.close()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    found = Daemon(tmp_path)
    yield found
    found.close()


def send_raw(run_dir: Path, raw: bytes, *, end: bool = False) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(10)
        peer.connect(str(run_dir / control_socket.SOCKET_FILE))
        peer.sendall(raw)
        if end:
            peer.shutdown(socket.SHUT_WR)
        line = control_socket.read_line(peer, control_socket.MAX_RESPONSE_BYTES)
    response: dict[str, Any] = json.loads(line or b"{}")
    return response


@pytest.mark.parametrize(
    "command",
    [
        AdmitCommand(Direction.IN),
        AdmitCommand(Direction.OUT, ManualReason.ASSISTED),
        UndoCommand(ManualReason.OTHER, 7),
        ShowSignalCommand(Outcome.FAIL),
    ],
)
def test_a_command_reaches_its_handler_and_the_response_is_returned(
    tmp_path: Path, daemon: Daemon, command: control_socket.Command
) -> None:
    assert control_socket.send_command(tmp_path, command) == Response(ok=True, detail={"seq": 1})
    assert daemon.commands == [command]


def test_a_command_without_a_handler_is_rejected(tmp_path: Path, daemon: Daemon) -> None:
    assert control_socket.send_command(tmp_path, ReleaseQuarantineCommand()).error_code == "unsupported-command"


def test_the_message_of_a_handler_that_rejects_is_returned(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, refuses=True)
    response = control_socket.send_command(tmp_path, AdmitCommand(Direction.OUT))
    daemon.close()
    assert (response.ok, response.error_code, response.message) == (False, "failed", "the disk takes no record")


@pytest.mark.parametrize(
    "raw",
    [
        b"\n",
        b"{}\n",
        b"[]\n",
        b'{"command": "shell", "argument": "reboot"}\n',
        b'{"command": "admit"}\n',
        b'{"command": "undo"}\n',
        b'{"command": "undo", "manual_reason": "NGUYEN VAN A"}\n',
        b'{"command": "admit", "direction": "up"}\n',
        b'{"command": "admit", "direction": "in", "name": "NGUYEN VAN A"}\n',
        b'{"command": "pause", "paused": true}{"command": "pause", "paused": true}\n',
        b"\xff\xfe\n",
        b"[" * 4000 + b"\n",
        b"x" * (control_socket.MAX_COMMAND_BYTES + 1) + b"\n",
    ],
)
def test_an_invalid_command_is_rejected(tmp_path: Path, daemon: Daemon, raw: bytes) -> None:
    assert send_raw(tmp_path, raw)["error_code"] == "invalid-command"
    assert daemon.commands == []


def test_an_incomplete_command_is_rejected(tmp_path: Path, daemon: Daemon) -> None:
    assert send_raw(tmp_path, b'{"command": "pause", "paused": true}', end=True)["error_code"] == "invalid-command"
    assert daemon.commands == []


@given(raw=st.binary(max_size=200))
def test_any_line_is_read_up_to_its_first_line_end(raw: bytes) -> None:
    left, right = socket.socketpair()
    with left, right:
        left.sendall(raw + b"\n")
        line = control_socket.read_line(right, control_socket.MAX_COMMAND_BYTES)
    assert line == raw.partition(b"\n")[0]


def test_only_root_owner_and_group_members_are_authorized(tmp_path: Path) -> None:
    other_user = PeerCredentials(pid=1, uid=4711, groups=frozenset({4711}))
    member = PeerCredentials(pid=1, uid=4711, groups=frozenset({4711, tmp_path.stat().st_gid}))
    listening = ControlServer(tmp_path, {}, owner_uid=1234)
    assert not listening._is_authorized(other_user)
    assert listening._is_authorized(member)
    assert listening._is_authorized(PeerCredentials(pid=1, uid=1234, groups=frozenset()))
    listening.close()


def test_the_peer_credentials_come_from_the_kernel() -> None:
    left, right = socket.socketpair()
    with left, right:
        peer = control_socket.peer_credentials(left)
    assert (peer.pid, peer.uid) == (os.getpid(), os.getuid())
    assert os.getgid() in peer.groups


def test_a_silent_peer_delays_the_next_one_by_seconds_at_most(tmp_path: Path, daemon: Daemon) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.connect(str(tmp_path / control_socket.SOCKET_FILE))
        assert control_socket.send_command(tmp_path, PauseCommand(paused=False)).ok


def test_the_socket_is_for_its_owner_and_group_only(tmp_path: Path, daemon: Daemon) -> None:
    assert (tmp_path / control_socket.SOCKET_FILE).stat().st_mode & 0o777 == 0o660


def test_the_socket_of_a_killed_daemon_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(tmp_path / control_socket.SOCKET_FILE))
    with pytest.raises(KioskError, match="does not take commands"):
        control_socket.send_command(tmp_path, PauseCommand(paused=True))
    daemon = Daemon(tmp_path)
    assert control_socket.send_command(tmp_path, PauseCommand(paused=True)).ok
    daemon.close()
    assert not (tmp_path / control_socket.SOCKET_FILE).exists()


def test_a_missing_run_directory_is_reported(tmp_path: Path) -> None:
    with pytest.raises(KioskError, match="cannot create control socket"):
        ControlServer(tmp_path / "nowhere", {})


def test_a_full_queue_of_a_hung_daemon_ends_at_the_deadline(tmp_path: Path) -> None:
    path = str(tmp_path / control_socket.SOCKET_FILE)
    clock = iter([0.0, CLIENT_DEADLINE_S - 0.05])
    with socket.socket(socket.AF_UNIX) as hung, socket.socket(socket.AF_UNIX) as waiting:
        hung.bind(path)
        hung.listen(0)
        waiting.connect(path)
        with pytest.raises(KioskError, match="no response in time"):
            control_socket.send_command(tmp_path, PauseCommand(paused=True), monotonic=lambda: next(clock))
