"""`kiosk purge`: expired events are deleted also on a device that is out of service."""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from click.testing import CliRunner

from kiosk.app.builders.gate import open_event_store
from kiosk.cli.maintenance.purge import purge, purge_expired
from kiosk.config.loader import load_settings
from kiosk.core.model import ClockQuality, ClockReading
from kiosk.core.ports import KioskError
from kiosk.simulation.sandbox import temporary_sandbox
from kiosk.system.instance_lock import acquire_instance_lock
from tests.fakes.data.access_events import an_event


@dataclass(frozen=True)
class FixedClock:
    """The real time, with this quality."""

    quality: ClockQuality

    def now(self) -> ClockReading:
        return ClockReading(datetime.now(UTC), 1.0, self.quality)


def test_old_delivered_events_are_deleted_and_counted_in_a_notice() -> None:
    with temporary_sandbox() as sandbox:
        records = load_settings(sandbox.config_file).storage
        store = open_event_store(records)
        long_ago = datetime.now(UTC) - timedelta(days=records.retention_days + 1)
        old = [
            replace(an_event(number), occurred_at=long_ago, clock_quality=ClockQuality.SYNCHRONISED)
            for number in (1, 2, 3)
        ]
        store.commit_all(old)
        store.acknowledge(2)
        store.close()

        store = open_event_store(records)
        assert purge_expired(store, FixedClock(ClockQuality.FREE_RUNNING)) == (0, True)
        assert purge_expired(store, FixedClock(ClockQuality.SYNCHRONISED)) == (2, True)
        store.close()

        done = CliRunner().invoke(purge, ["--config", str(sandbox.config_file)])

        assert done.exit_code == 0, done.output
        assert "0 events deleted\n" in done.output
        store = open_event_store(records)
        assert [stored.seq for stored in store.recent(9)] == [3], "undelivered events stay"
        assert [(notice.kind, notice.count) for notice in store.notices()] == [("purged-age", 2)]
        store.close()


def test_purge_is_refused_while_the_kiosk_runs() -> None:
    with temporary_sandbox() as sandbox, ExitStack() as kiosk:
        records = load_settings(sandbox.config_file).storage
        acquire_instance_lock(records.path, kiosk)
        done = CliRunner().invoke(purge, ["--config", str(sandbox.config_file)])
        assert isinstance(done.exception, KioskError)
        assert "Another kiosk uses" in str(done.exception)
