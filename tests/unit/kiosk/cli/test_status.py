"""`kiosk status` judges the age of the snapshot."""

import os
import random
import re
import time
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.doctor.device_checks import daemon_checks
from kiosk.cli.status import status
from kiosk.config import effective
from kiosk.config.loader import load_settings
from kiosk.simulation.sandbox import Sandbox, temporary_sandbox
from kiosk.system import status_file
from tests.examples import examples
from tests.fakes.data import status_snapshots


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with temporary_sandbox() as found:
        found.run_dir.mkdir(exist_ok=True)
        yield found


def ask(sandbox: Sandbox) -> Result:
    return CliRunner().invoke(status, ["--config", str(sandbox.config_file)])


def test_a_fresh_status_is_believed(sandbox: Sandbox) -> None:
    status_snapshots.publish(sandbox.run_dir, status_snapshots.a_status())
    done = ask(sandbox)
    assert done.exit_code == 0, done.output
    assert re.search(r"http://[0-9.]+:\d+/\n$", done.output), "the address of the pages, as people type it"


@pytest.mark.parametrize("age_s", [60.0, 86_400.0, -3600.0])
def test_a_stale_status_is_not_believed(sandbox: Sandbox, age_s: float) -> None:
    """The daemon was killed or hangs, or the clock was set."""
    status_snapshots.publish(sandbox.run_dir, status_snapshots.a_status())
    written_s = time.time() - age_s
    os.utime(sandbox.run_dir / status_file.STATUS_FILE, (written_s, written_s))
    done = ask(sandbox)
    assert done.exit_code == 1
    assert "sudo systemctl restart kiosk" in done.output
    assert status_file.read_fresh_status(load_settings(sandbox.config_file).run_dir) is None


def test_a_status_without_its_time_is_as_old_as_its_file(sandbox: Sandbox) -> None:
    status_snapshots.publish(sandbox.run_dir, status_snapshots.a_status())
    assert not status_file.is_stale(status_file.status_age_s(sandbox.run_dir, {"now_at": "no time"}))


def test_any_changed_byte_of_the_status_ends_in_no_traceback(sandbox: Sandbox) -> None:
    status_snapshots.publish(sandbox.run_dir, status_snapshots.a_status())
    path = sandbox.run_dir / status_file.STATUS_FILE
    content = path.read_bytes()
    dice = random.Random(14)
    for _ in range(examples()):
        offset, mask = dice.randrange(len(content)), 1 << dice.randrange(8)
        path.write_bytes(content[:offset] + bytes([content[offset] ^ mask]) + content[offset + 1 :])
        done = ask(sandbox)
        assert done.exception is None or isinstance(done.exception, SystemExit), (offset, mask, done.exception)
        daemon_checks(load_settings(sandbox.config_file))


def test_any_changed_byte_of_the_effective_settings_is_settings_or_none(sandbox: Sandbox) -> None:
    settings = load_settings(sandbox.config_file)
    effective.publish_effective_settings(settings, sandbox.run_dir)
    path = sandbox.run_dir / effective.SETTINGS_FILE
    content = path.read_bytes()
    for offset in random.sample(range(len(content)), min(len(content), examples(200))):
        path.write_bytes(content[:offset] + bytes([content[offset] ^ 1 << offset % 8]) + content[offset + 1 :])
        found = effective.read_effective_settings(sandbox.run_dir)
        assert found is None or all(isinstance(each.value, str) for each in found)
