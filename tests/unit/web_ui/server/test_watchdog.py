"""The page tells systemd that it lives by answering its own question; a page that hangs falls silent."""

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from kiosk.system.systemd import SystemdNotifier
from tests.fakes.processes.web_process import served
from web_ui.server import tls
from web_ui.server.watchdog import WatchdogPinger


@contextmanager
def systemd(watchdog_s: float) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """Where a service tells what it is, and the variables by which it knows."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        name = f"kiosk-test-{os.getpid()}"
        listener.bind("\0" + name)
        listener.settimeout(30.0)
        yield listener, {"NOTIFY_SOCKET": f"@{name}", "WATCHDOG_USEC": str(int(watchdog_s * 1e6))}


def heard(listener: socket.socket) -> str:
    return listener.recv(4096).decode().partition("\n")[0]


@contextmanager
def answering(answer: bytes | None, context: ssl.SSLContext | None = None) -> Iterator[tuple[str, int]]:
    """A port that answers every question in the same way, or never."""
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as lines:

        def serve() -> None:
            with suppress(OSError):  # the port was closed
                while True:
                    line = lines.enter_context(server.accept()[0])
                    if context:
                        line = lines.enter_context(context.wrap_socket(line, server_side=True))
                    if answer is not None:
                        line.recv(1024)
                        line.sendall(answer)
                        line.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10.0)


def test_the_page_is_ready_once_it_answers_and_feeds_its_watchdog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with systemd(watchdog_s=0.3) as (listener, variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with served("--run-dir", tmp_path):
            assert [heard(listener) for _ in range(4)] == ["READY=1", *["WATCHDOG=1"] * 3]


def test_a_page_that_does_not_answer_is_never_ready_and_feeds_nothing() -> None:
    with answering(None) as address, systemd(watchdog_s=30.0) as (listener, variables):
        pulse = WatchdogPinger(address, SystemdNotifier(variables), secure=False, timeout_s=0.05)
        thread = threading.Thread(target=pulse.run)
        thread.start()
        listener.settimeout(0.3)
        with pytest.raises(TimeoutError):
            heard(listener)
        pulse.close()
        thread.join(10.0)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("answer", "lives"),
    [(b"HTTP/1.1 200 OK\r\n\r\n", True), (b"HTTP/1.1 503 no\r\n\r\n", False), (b"", False), (b"SSH-2.0\r\n", False)],
)
def test_only_a_good_answer_is_a_sign_of_life(answer: bytes, lives: bool) -> None:
    with answering(answer) as address:
        assert WatchdogPinger(address, SystemdNotifier({}), secure=False, timeout_s=0.5).is_responding() is lives


def test_a_page_behind_tls_is_asked_through_it(tmp_path: Path) -> None:
    tls.make_self_signed_certificate(tmp_path / "web.pem", ())
    with answering(b"HTTP/1.1 200 OK\r\n\r\n", tls.make_server_context(tmp_path / "web.pem", None)) as address:
        assert WatchdogPinger(address, SystemdNotifier({}), secure=True).is_responding()


def test_where_no_systemd_listens_nobody_is_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as page:
        WatchdogPinger(page.getsockname()[:2], SystemdNotifier({}), secure=False).run()
        page.settimeout(0.0)
        with pytest.raises(BlockingIOError):
            page.accept()
