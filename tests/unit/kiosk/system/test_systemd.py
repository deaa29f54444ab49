"""Notifications to systemd: real datagrams on a real Unix socket."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.system.systemd import SystemdNotifier


@pytest.fixture(params=["path", "abstract"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@kiosk-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("\0" + name[1:] if name.startswith("@") else name)
        receiver.settimeout(10.0)
        yield receiver, name


def test_each_message_is_one_datagram(listener: tuple[socket.socket, str]) -> None:
    receiver, name = listener
    notifier = SystemdNotifier({"NOTIFY_SOCKET": name})
    assert notifier.notify_ready("ready at gate 1")
    assert notifier.ping_watchdog()
    assert notifier.set_status("hai người\nđang chờ")
    assert notifier.notify_stopping()
    received = [receiver.recv(4096).decode() for _ in range(4)]
    assert received == ["READY=1\nSTATUS=ready at gate 1", "WATCHDOG=1", "STATUS=hai người đang chờ", "STOPPING=1"]


def test_without_systemd_nothing_happens() -> None:
    notifier = SystemdNotifier({})
    assert not notifier.notify_ready("ready")
    assert not notifier.ping_watchdog()
    assert notifier.watchdog_timeout_s is None


def test_a_missing_socket_is_not_an_error(tmp_path: Path) -> None:
    assert not SystemdNotifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ping_watchdog()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"WATCHDOG_USEC": "15000000"}, 15.0),
        ({"WATCHDOG_USEC": "15000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "15000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdogs_time_is_read_from_the_environment(environment: dict[str, str], expected: float | None) -> None:
    assert SystemdNotifier(environment).watchdog_timeout_s == expected
