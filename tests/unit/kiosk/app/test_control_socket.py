"""The control socket: who may order, what is an order, and that nobody holds it up."""

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
from kiosk.core.model import Direction, ManualReason, Outcome
from kiosk.core.ports import KioskError


class Daemon:
    """A control socket in a thread, whose handlers keep what they were ordered."""

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

    def _keep(self, order: control_socket.Command) -> Mapping[str, Any]:
        if self._refuses:
            raise CommandRejectedError("the disk takes no record")
        self.commands.append(order)
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


def say(run_dir: Path, raw: bytes, *, end: bool = False) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(10)
        peer.connect(str(run_dir / control_socket.SOCKET_FILE))
        peer.sendall(raw)
        if end:
            peer.shutdown(socket.SHUT_WR)
        line = control_socket.read_line(peer, control_socket.MAX_RESPONSE_BYTES)
    answer: dict[str, Any] = json.loads(line or b"{}")
    return answer


@pytest.mark.parametrize(
    "what",
    [
        AdmitCommand(Direction.IN),
        AdmitCommand(Direction.OUT, ManualReason.ASSISTED),
        UndoCommand(ManualReason.OTHER, 7),
        ShowSignalCommand(Outcome.FAIL),
    ],
)
def test_an_order_reaches_its_handler_as_it_was_given_and_the_answer_comes_back(
    tmp_path: Path, daemon: Daemon, what: control_socket.Command
) -> None:
    assert control_socket.send_command(tmp_path, what) == Response(ok=True, detail={"seq": 1})
    assert daemon.commands == [what]


def test_an_order_that_this_kiosk_has_no_handler_for_is_refused(tmp_path: Path, daemon: Daemon) -> None:
    assert control_socket.send_command(tmp_path, ReleaseQuarantineCommand()).error_code == "unsupported-command"


def test_a_handlers_refusal_comes_back_in_its_words(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, refuses=True)
    answer = control_socket.send_command(tmp_path, AdmitCommand(Direction.OUT))
    daemon.close()
    assert (answer.ok, answer.error_code, answer.message) == (False, "failed", "the disk takes no record")


@pytest.mark.parametrize(
    "raw",
    [
        b"\n",
        b"{}\n",
        b"[]\n",
        b'{"do": "shell", "command": "reboot"}\n',
        b'{"do": "admit"}\n',
        b'{"do": "undo"}\n',
        b'{"do": "undo", "grounds": "NGUYEN VAN A"}\n',
        b'{"do": "admit", "direction": "up"}\n',
        b'{"do": "admit", "direction": "in", "name": "NGUYEN VAN A"}\n',
        b'{"command": "pause", "paused": true}{"do": "pause", "paused": true}\n',
        b"\xff\xfe\n",
        b"[" * 4000 + b"\n",
        b"x" * (control_socket.MAX_COMMAND_BYTES + 1) + b"\n",
    ],
)
def test_what_is_not_exactly_an_order_is_not_done(tmp_path: Path, daemon: Daemon, raw: bytes) -> None:
    assert say(tmp_path, raw)["error_code"] == "invalid-command"
    assert daemon.commands == []


def test_half_an_order_is_not_done(tmp_path: Path, daemon: Daemon) -> None:
    assert say(tmp_path, b'{"command": "pause", "paused": true}', end=True)["error_code"] == "invalid-command"
    assert daemon.commands == []


@given(raw=st.binary(max_size=200))
def test_no_bytes_whatever_are_taken_for_an_order_by_accident(raw: bytes) -> None:
    left, right = socket.socketpair()
    with left, right:
        left.sendall(raw + b"\n")
        line = control_socket.read_line(right, control_socket.MAX_COMMAND_BYTES)
    assert line == raw.partition(b"\n")[0]


def test_a_stranger_is_refused_before_he_is_heard(tmp_path: Path) -> None:
    stranger = PeerCredentials(pid=1, uid=4711, groups=frozenset({4711}))
    member = PeerCredentials(pid=1, uid=4711, groups=frozenset({4711, tmp_path.stat().st_gid}))
    listening = ControlServer(tmp_path, {}, owner_uid=1234)
    assert not listening._is_authorized(stranger)
    assert listening._is_authorized(member)
    assert listening._is_authorized(PeerCredentials(pid=1, uid=1234, groups=frozenset()))
    listening.close()


def test_the_kernel_tells_who_the_peer_is() -> None:
    left, right = socket.socketpair()
    with left, right:
        peer = control_socket.peer_credentials(left)
    assert (peer.pid, peer.uid) == (os.getpid(), os.getuid())
    assert os.getgid() in peer.groups


def test_a_silent_peer_holds_up_the_next_one_for_seconds_only(tmp_path: Path, daemon: Daemon) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.connect(str(tmp_path / control_socket.SOCKET_FILE))
        assert control_socket.send_command(tmp_path, PauseCommand(paused=False)).ok


def test_the_socket_is_for_its_owner_and_group_only(tmp_path: Path, daemon: Daemon) -> None:
    assert (tmp_path / control_socket.SOCKET_FILE).stat().st_mode & 0o777 == 0o660


def test_a_socket_left_by_a_killed_daemon_is_in_nobodys_way(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(tmp_path / control_socket.SOCKET_FILE))
    with pytest.raises(KioskError, match="does not take orders"):
        control_socket.send_command(tmp_path, PauseCommand(paused=True))
    daemon = Daemon(tmp_path)
    assert control_socket.send_command(tmp_path, PauseCommand(paused=True)).ok
    daemon.close()
    assert not (tmp_path / control_socket.SOCKET_FILE).exists()


def test_a_folder_that_is_not_there_ends_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(KioskError, match="orders cannot be heard there"):
        ControlServer(tmp_path / "nowhere", {})
