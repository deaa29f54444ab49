"""`kiosk web` as a process: its address, its answers over HTTP, its end."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from kiosk.core.model import DeviceState
from tests.fakes.data.status_snapshots import a_status, publish
from tests.fakes.processes.web_process import served
from web_ui.server.serve import open_port


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  # http on loopback
        text: str = answer.read().decode()
    return text


def test_the_page_is_served_says_where_and_ends_cleanly_though_somebody_follows_it(tmp_path: Path) -> None:
    with served("--run-dir", tmp_path) as (url, process):
        publish(
            tmp_path, a_status(DeviceState.DEGRADED)
        )  # good for three seconds; a busy machine takes longer to start the page
        assert "Vẫn quét được" in fetch(url)
        publish(tmp_path, a_status(DeviceState.DEGRADED))
        assert json.loads(fetch(url + "healthz"))["state"] == "degraded"
        with urllib.request.urlopen(url + "live/status/events?lang=en", timeout=10) as stream:  # noqa: S310  # http on loopback
            assert stream.readline().startswith(b"data: ")
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        assert process.stderr
        assert process.stderr.read() == ""


def test_a_port_in_use_ends_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "kiosk.cli", "web", "--run-dir", str(tmp_path), "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"port {port} is in use" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("content", [None, "[site]\nsite = 'a'\n"])
def test_a_configuration_that_cannot_be_used_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "kiosk.toml"
    if content:
        path.write_text(content)
    command = [sys.executable, "-m", "kiosk.cli", "web", "--config", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert str(path) in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_of_another_machine_ends_in_one_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kiosk.cli", "web", "--run-dir", str(tmp_path), "--host", "192.0.2.1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "choose another address" in done.stderr


@pytest.mark.parametrize("arguments", [("--help",), ("setup", "--help"), ("certificate", "--help")])
def test_help_needs_no_configuration(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "kiosk.cli", "web", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    assert done.stdout.startswith("Usage:")


def test_the_certificate_has_the_name_of_the_documentation_and_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "kiosk.cli",
        "web",
        "--run-dir",
        str(tmp_path),
        "--state-dir",
        str(tmp_path),
        "certificate",
    ]
    subprocess.run(command, capture_output=True, check=True, timeout=60, umask=0)
    assert (tmp_path / "web.pem").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_the_address_of_both_families_is_reached_over_ipv4_and_ipv6() -> None:
    with open_port("::", 0) as listener:
        for address in ("127.0.0.1", "::1"):
            with socket.create_connection((address, listener.getsockname()[1]), timeout=5):
                listener.accept()[0].close()
