"""The control socket: no peer delays the others beyond its deadline, whatever it sends or does not read."""

import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.app.control_socket import COMMAND_DEADLINE_S, MAX_CONNECTIONS, SOCKET_FILE, ControlServer, PauseCommand
from tests.examples import examples
from tests.faults.injection.supervised import no_free_descriptors

COMMAND = b'{"command": "pause", "paused": true}\n'


class Server:
    """A control server that the test steps, with a clock of its own."""

    def __init__(self, run_dir: Path) -> None:
        self.now_s = 1000.0
        self.executed: list[int] = []
        self.detail: Mapping[str, Any] = {}
        self.on_execute: Callable[[], None] = lambda: None
        self.path = run_dir / SOCKET_FILE
        self.control = ControlServer(run_dir, {PauseCommand: self._execute}, monotonic=lambda: self.now_s)
        self.peers = ExitStack()

    def _execute(self, command: PauseCommand) -> Mapping[str, Any]:
        self.executed.append(len(self.executed))
        self.on_execute()
        return self.detail

    def connect(self, sent: bytes = b"", *, uid: int = 0) -> socket.socket:
        peer = self.peers.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        peer.setblocking(False)
        if uid:
            os.seteuid(uid)
        try:
            peer.connect(SOCKET_FILE if uid else str(self.path))
        finally:
            if uid:
                os.seteuid(0)
        peer.sendall(sent)
        return peer

    def step(self, after_s: float = 0.0) -> None:
        self.now_s += after_s
        self.control.step(timeout_s=0.0)

    def is_cut_off(self, peer: socket.socket) -> bool:
        try:
            return peer.recv(1) == b""
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True

    def response(self, peer: socket.socket) -> dict[str, Any]:
        received = b""
        while not received.endswith(b"\n"):
            received += peer.recv(65536)
        found: dict[str, Any] = json.loads(received)
        return found

    def close(self) -> None:
        self.peers.close()
        self.control.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path)
    yield found
    found.close()


def test_a_peer_that_sends_one_byte_at_a_time_is_cut_off_at_the_deadline_of_its_command(server: Server) -> None:
    slow = server.connect()
    server.step()
    for _ in range(4):
        slow.sendall(b" ")
        server.step(after_s=0.2 * COMMAND_DEADLINE_S)
    assert not server.is_cut_off(slow)
    slow.sendall(b" ")
    server.step(after_s=0.3 * COMMAND_DEADLINE_S)
    assert server.is_cut_off(slow)


def test_a_command_is_executed_at_once_while_slow_peers_hold_all_connections(server: Server) -> None:
    slow = [server.connect(b" ") for _ in range(3 * MAX_CONNECTIONS)]
    honest = server.connect(COMMAND)
    server.step()
    assert server.response(honest)["ok"]
    assert sum(not server.is_cut_off(each) for each in slow) <= MAX_CONNECTIONS


def test_peers_that_connect_again_and_again_never_push_a_sent_command_out(server: Server) -> None:
    for _ in range(50):
        for _ in range(2 * MAX_CONNECTIONS):
            server.connect(b"{")
        honest = server.connect(COMMAND)
        for _ in range(8):
            server.connect(b"{")
        server.step()
        server.step()
        assert server.response(honest)["ok"]
        server.peers.close()


def test_a_peer_that_does_not_read_its_response_delays_no_other_one(server: Server) -> None:
    server.detail = {"picture": "x" * 900_000}
    deaf, honest = server.connect(COMMAND), server.connect(COMMAND)
    server.step()
    server.detail = {}
    server.step()
    assert server.response(honest)["ok"]
    server.step(after_s=COMMAND_DEADLINE_S)
    received = b"".join(iter(lambda: deaf.recv(65536), b""))
    assert 0 < len(received) < 900_000


def test_a_large_response_reaches_a_peer_that_reads_slowly(server: Server) -> None:
    server.detail = {"picture": "x" * 900_000}
    reader = server.connect(COMMAND)
    received = b""
    while not received.endswith(b"\n"):
        server.step()
        received += reader.recv(65536)
    assert len(json.loads(received)["detail"]["picture"]) == 900_000


def test_a_slow_handler_does_not_make_the_other_peers_late(server: Server) -> None:
    first, second = server.connect(COMMAND), server.connect()
    server.step()  # the first one is executed
    third = server.connect(COMMAND)

    def slow() -> None:
        server.now_s += 2 * COMMAND_DEADLINE_S
        second.sendall(COMMAND)

    server.on_execute = slow
    server.step()
    server.on_execute = lambda: None
    server.step()
    assert [server.response(each)["ok"] for each in (first, second, third)] == [True, True, True]


def test_a_command_that_waited_too_long_is_not_executed_and_its_peer_is_informed(server: Server) -> None:
    server.on_execute = lambda: setattr(server, "now_s", server.now_s + 2 * COMMAND_DEADLINE_S)
    first, second = server.connect(COMMAND), server.connect(COMMAND)
    server.step()
    server.step()
    assert server.response(first)["ok"]
    late = server.response(second)
    assert (late["ok"], late["error_code"]) == (False, "failed")
    assert "not executed" in late["message"]
    assert len(server.executed) == 1


def test_without_free_descriptors_a_peer_waits_and_the_server_goes_on(server: Server) -> None:
    peer = server.connect(COMMAND)
    with no_free_descriptors():
        delays = [server.control.step(timeout_s=0.0) for _ in range(3)]
    assert min(delays) > 0, "it does not try again and again without a pause"
    assert server.executed == []
    server.step()
    assert server.response(peer)["ok"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may join groups")
def test_a_peer_of_more_groups_than_can_be_read_is_cut_off_and_the_server_goes_on(server: Server) -> None:
    groups = os.getgroups()
    os.setgroups(range(1000, 1400))
    try:
        peer = server.connect(COMMAND)
    finally:
        os.setgroups(groups)
    server.step()
    assert server.is_cut_off(peer)
    honest = server.connect(COMMAND)
    server.step()
    assert server.response(honest)["ok"]


def test_the_command_of_a_peer_that_has_gone_is_not_executed(server: Server) -> None:
    server.connect(COMMAND).close()
    server.step()
    server.step()
    assert server.executed == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can connect as another user")
def test_a_user_with_many_commands_does_not_keep_another_user_waiting(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.path.chmod(0o666)
    server.path.parent.chmod(0o755)
    monkeypatch.chdir(server.path.parent)  # the folders above are closed to the other user
    many = [server.connect(COMMAND) for _ in range(MAX_CONNECTIONS)]
    other = server.connect(COMMAND, uid=4711)
    server.step()
    server.step()
    assert server.response(other)["ok"]
    assert len(server.executed) <= 2
    assert len(many) == MAX_CONNECTIONS


@settings(max_examples=examples(25), deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["connect", "command", "send", "close", "time"]),
            st.integers(0, 40),
            st.binary(min_size=1, max_size=40),
        ),
        max_size=60,
    )
)
def test_after_any_behaviour_of_peers_a_new_command_is_executed(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, int, bytes]]
) -> None:
    server = Server(tmp_path_factory.mktemp("run"))
    peers = [server.connect()]
    for what, number, data in actions:
        peer = peers[number % len(peers)]
        if what in ("connect", "command"):
            peers.append(server.connect(COMMAND if what == "command" else data))
        elif what == "time":
            server.now_s += number / 10
        elif what == "close":
            peer.close()
            peers = [each for each in peers if each is not peer] or [server.connect()]
        else:
            try:
                peer.sendall(data)
            except OSError:
                continue  # cut off
        server.control.step(timeout_s=0.0)
    waiting = 1 + MAX_CONNECTIONS
    honest = server.connect(COMMAND)
    for _ in range(waiting):
        server.control.step(timeout_s=0.0)
    assert server.response(honest)["ok"]
    server.close()
