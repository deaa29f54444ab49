"""`kiosk purge`: a device that was taken out of service keeps its retention promise too."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from click.testing import CliRunner

from kiosk.app.builders.gate import open_event_store
from kiosk.cli.purge import purge
from kiosk.config import load_settings
from kiosk.core.model import ClockQuality
from kiosk.core.ports import KioskError
from kiosk.simulation.sandbox import temporary_sandbox
from kiosk.system.instance_lock import acquire_instance_lock
from tests.fakes.data.access_events import a_passage


def test_old_delivered_passages_go_and_a_notice_stays() -> None:
    with temporary_sandbox() as premises:
        records = load_settings(premises.config_file).storage
        store = open_event_store(records)
        long_ago = datetime.now(UTC) - timedelta(days=records.retention_days + 1)
        old = [
            replace(a_passage(number), occurred_at=long_ago, clock_quality=ClockQuality.SYNCHRONISED)
            for number in (1, 2, 3)
        ]
        store.commit_all(old)
        store.acknowledge(2)
        store.close()

        done = CliRunner().invoke(purge, ["--config", str(premises.config_file)])

        assert done.exit_code == 0, done.output
        assert done.output == "2 passages deleted\n"
        store = open_event_store(records)
        assert [stored.seq for stored in store.recent(9)] == [3], "what the centre does not have stays"
        assert [(notice.kind, notice.count) for notice in store.notices()] == [("purged-age", 2)]
        store.close()


def test_a_running_kiosk_is_left_alone() -> None:
    with temporary_sandbox() as premises, ExitStack() as kiosk:
        records = load_settings(premises.config_file).storage
        acquire_instance_lock(records.path, kiosk)
        done = CliRunner().invoke(purge, ["--config", str(premises.config_file)])
        assert isinstance(done.exception, KioskError)
        assert "Another kiosk uses" in str(done.exception)
