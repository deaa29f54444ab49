"""Thousands of broken TLS handshakes against the real server, with few file descriptors: the page answers, the log stays short."""

import contextlib
import http.client
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fakes.data.status_snapshots import a_status, publish
from tests.unit.web_ui.server.test_tls import CONFIG
from web_ui.server import tls

MAX_OPEN_FILES = 96


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Port and process. It can open few files."""
    publish(tmp_path, a_status())
    tls.make_self_signed_certificate(tmp_path / "web.pem", [])
    (tmp_path / "kiosk.toml").write_text(CONFIG, encoding="utf-8")
    command = ["sh", "-c", f'ulimit -n {MAX_OPEN_FILES}; exec "$@"', "sh"]
    command += [sys.executable, "-m", "kiosk.cli", "web", "--config", str(tmp_path / "kiosk.toml")]
    with (
        (tmp_path / "log").open("w", encoding="utf-8") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdout
        found = re.fullmatch(r"web: https://127\.0\.0\.1:(\d+)/\n", process.stdout.readline())
        assert found
        yield int(found[1]), process
        process.terminate()


def is_answered(port: int, authority: Path) -> bool:
    context = ssl.create_default_context(cafile=str(authority))
    connection = http.client.HTTPSConnection("localhost", port, timeout=20, context=context)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def connect(stack: ExitStack, port: int, source: str) -> socket.socket | None:
    try:
        return stack.enter_context(socket.create_connection(("127.0.0.1", port), 5, (source, 0)))
    except OSError:
        return None


def test_after_thousands_of_broken_handshakes_the_page_answers_and_the_log_has_few_lines(
    tmp_path: Path, server: tuple[int, subprocess.Popen[str]]
) -> None:
    port, process = server
    for turn in range(60):
        with ExitStack() as stack:  # silent ones from several addresses, more than there are file descriptors
            silent = [connect(stack, port, f"127.0.0.{2 + number % 8}") for number in range(20)]
            for stream in silent[:10]:
                if stream:
                    with contextlib.suppress(OSError):
                        stream.sendall(
                            (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\x00" * 50)[turn % 3]
                        )
    with ExitStack() as stack:
        held = [connect(stack, port, f"127.0.1.{1 + number % 12}") for number in range(150)]
        assert any(held)
    assert any(is_answered(port, tmp_path / "web.pem") for _ in range(20))
    process.terminate()
    assert process.wait(20) == 0
    lines = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert not any("Traceback" in line for line in lines)
    assert 1 <= len(lines) <= 40, lines[:60]
