"""The real daemon starts on a full or read-only disk: out of order with its reason, and ready once there is room. Root only."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kiosk.simulation.processes import ChildProcess
from kiosk.simulation.sandbox import Sandbox, temporary_sandbox
from kiosk.storage import SqliteEventStore
from kiosk.system.status_file import read_status

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts file systems")
TIMEOUT_S = 40.0
_tick = threading.Event()


def mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Run folder and database are on small file systems of their own."""
    with temporary_sandbox(camera="synthetic") as made, contextlib.ExitStack() as mounted:
        store = made.folder / "store"
        for folder in (made.run_dir, store):
            folder.mkdir(exist_ok=True)
            mount("-t", "tmpfs", "-o", "size=16m", "tmpfs", folder)
            mounted.callback(subprocess.run, ["umount", "--lazy", str(folder)], check=True)
        text = made.config_file.read_text(encoding="utf-8")
        assert 'path = "events.db"' in text
        made.config_file.write_text(text.replace('path = "events.db"', f'path = "{store}/events.db"'), encoding="utf-8")
        yield made


@contextlib.contextmanager
def daemon(sandbox: Sandbox) -> Iterator[ChildProcess]:
    command = [sys.executable, "-m", "kiosk.app.start", "--config", str(sandbox.config_file)]
    process = ChildProcess("daemon", command, sandbox.log_file("daemon"))
    process.start()
    try:
        yield process
    finally:
        process.terminate()


def fill(folder: Path) -> Path:
    file = folder / "fill"
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as opened:
        while True:
            opened.write(bytes(4096))
    return file


def wait_for(condition: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < ends_s, "it took too long"
        _tick.wait(0.1)


def state(sandbox: Sandbox) -> str:
    return str((read_status(sandbox.run_dir) or {"state": ""})["state"])


def storage_reason(sandbox: Sandbox) -> str:
    checks = (read_status(sandbox.run_dir) or {"checks": []})["checks"]
    return next((str(check["reason"]) for check in checks if check["code"] == "storage"), "")


@pytest.mark.parametrize("existing", [True, False])
def test_a_full_disk_is_out_of_order_until_there_is_room(sandbox: Sandbox, existing: bool) -> None:
    store = sandbox.folder / "store"
    if existing:
        SqliteEventStore(store / "events.db").close()
    file = fill(store)
    with daemon(sandbox):
        wait_for(lambda: (state(sandbox), storage_reason(sandbox)) == ("out-of-order", "full"))
        file.unlink()
        wait_for(lambda: state(sandbox) in {"ready", "degraded"})


def test_a_read_only_disk_is_out_of_order_until_it_can_be_written(sandbox: Sandbox) -> None:
    store = sandbox.folder / "store"
    SqliteEventStore(store / "events.db").close()
    mount("-o", "remount,ro", store)
    with daemon(sandbox):
        wait_for(lambda: (state(sandbox), storage_reason(sandbox)) == ("out-of-order", "read-only"))
        mount("-o", "remount,rw", store)
        wait_for(lambda: state(sandbox) in {"ready", "degraded"})


def test_a_full_run_folder_is_waited_for(sandbox: Sandbox) -> None:
    file = fill(sandbox.run_dir)
    with daemon(sandbox):
        wait_for(lambda: "out-of-order" in sandbox.log_file("daemon").read_text(encoding="utf-8"))
        file.unlink()
        wait_for(lambda: state(sandbox) in {"ready", "degraded"})
    assert "Traceback" not in sandbox.log_file("daemon").read_text(encoding="utf-8")
