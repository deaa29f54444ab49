"""`kiosk centre`: offline devices, missing events, corrected times, and the mistakes of its file."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from click.testing import CliRunner, Result

from kiosk.cli.centre.command import centre
from kiosk.cli.centre.option_file import RENAMED_KEYS
from kiosk.core.model import AccessEvent, ClockQuality
from mqtt import device_messages
from mqtt.centre.sqlite.ledger import SqliteLedger
from mqtt.topics import DeviceTopics
from tests.fakes.data.access_events import EPOCH, GATE, START_AT, an_event
from tests.fakes.data.arrivals import arrival_of

WINDOW = ["--since", "2026-11-23T00:00:00", "--until", "2026-11-24T00:00:00"]


def keep(
    ledger: SqliteLedger,
    *numbered: tuple[int, AccessEvent],
    boot: str = "boot-a",
    branch: DeviceTopics = GATE,
    at: datetime = START_AT,
) -> None:
    ledger.record([arrival_of(numbered, at, branch=branch, boot=boot)])


def ask(centre_file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(centre, ["--database", str(centre_file), *arguments])


def test_status_lists_devices_their_gaps_and_the_silent_ones(ledger: SqliteLedger, centre_file: Path) -> None:
    now = datetime.now(UTC)
    keep(ledger, *((seq, an_event(seq)) for seq in (*range(1, 42), 50, 51, 53)), at=now)
    keep(ledger, (1, an_event(1)), branch=DeviceTopics("entrance", "dong-ba", "gate-2"), at=now - timedelta(hours=3))
    ledger.save_state(GATE, device_messages.StateMessage(state="ready", software_version="0.1.0"), now)
    done = ask(centre_file, "status")
    assert done.exit_code == 1
    summary, *lines = done.output.splitlines()
    assert summary == (
        "2 devices at 1 site; 1 silent; 1 with gaps (9 events missing); 0 behind (0 events waiting); "
        "0 with rejected events; states: 1 ready, 1 unknown"
    )
    assert lines[0].startswith("dong-ba/gate-1: ready, last seen ")
    assert lines[1] == f"  epoch {EPOCH}: 1-53, missing 42-49, 52; 0 came twice"
    assert "SILENT" in lines[2]
    assert lines[3].endswith("complete; 0 came twice")


def test_status_is_content_where_nothing_is_missing(ledger: SqliteLedger, centre_file: Path) -> None:
    keep(ledger, (1, an_event(1)), at=datetime.now(UTC))
    done = ask(centre_file, "status", "--json")
    assert done.exit_code == 0
    assert json.loads(done.output)["streams"][0]["missing"] == []


def test_a_configuration_file_names_the_database_and_its_mistakes_are_reported(
    ledger: SqliteLedger, centre_file: Path
) -> None:
    keep(ledger, (1, an_event(1)), at=datetime.now(UTC))
    config = centre_file.with_name("centre.toml")
    config.write_text(f'database = "{centre_file}"\nretention_days = 21\n', encoding="utf-8")
    assert "1-1, complete" in CliRunner().invoke(centre, ["--config", str(config), "status"]).output
    config.write_text('databse = "x"\n', encoding="utf-8")
    done = CliRunner().invoke(centre, ["--config", str(config), "status"])
    assert done.exit_code == 1
    assert "databse: no such setting; did you mean 'database'?" in done.output


def test_old_keys_of_a_centre_s_file_are_all_reported_with_their_new_names(centre_file: Path) -> None:
    config = centre_file.with_name("centre.toml")
    config.write_text('site_root = "entrance"\nshare = "centres"\ndrain_per_s = 50\ndatabse = "x"\n', encoding="utf-8")
    done = CliRunner().invoke(centre, ["--config", str(config), "status"])
    assert done.exit_code == 1
    for message in (
        "site_root: this key is now topic_prefix.",
        "share: this key is now share_group.",
        "drain_per_s: this key is now backlog_events_per_s.",
        "databse: no such setting; did you mean 'database'?",
    ):
        assert message in done.output
    assert set(RENAMED_KEYS.values()) <= {str(option.name) for option in centre.params}


def test_status_of_no_database_is_one_sentence(centre_file: Path) -> None:
    done = ask(centre_file, "status")
    assert done.exit_code == 1
    assert "cannot be read as the centre's database" in done.output


def test_what_was_recorded_before_the_clock_was_set_is_dated_by_what_came_after(
    ledger: SqliteLedger, centre_file: Path
) -> None:
    in_1970 = replace(
        an_event(1),
        occurred_at=datetime(1970, 1, 1, 0, 1, tzinfo=UTC),
        monotonic_s=60.0,
        clock_quality=ClockQuality.UNSET,
    )
    set_now = replace(an_event(2), occurred_at=START_AT, monotonic_s=660.0)
    keep(ledger, (1, in_1970))
    assert corrected(centre_file, 1) is None, "it is not known yet"
    keep(ledger, (2, set_now))
    found = corrected(centre_file, 1)
    assert found is not None
    assert abs(datetime.fromisoformat(found) - (START_AT - timedelta(seconds=600))) < timedelta(milliseconds=10)


def test_a_health_message_dates_them_too_and_another_boot_does_not(ledger: SqliteLedger, centre_file: Path) -> None:
    unset = replace(an_event(1), monotonic_s=60.0, clock_quality=ClockQuality.UNSET)
    keep(ledger, (1, unset), boot="boot-a")
    keep(ledger, (2, replace(unset, id=an_event(2).id)), boot="boot-b")
    health = device_messages.HealthMessage(
        at=START_AT,
        state="ready",
        clock_quality="synchronised",
        epoch=EPOCH,
        newest_seq=2,
        backlog=0,
        boot_id="boot-a",
        monotonic_s=100.0,
    )
    ledger.save_health(GATE, health, START_AT)
    assert corrected(centre_file, 1) is not None
    assert corrected(centre_file, 2) is None


def corrected(centre_file: Path, seq: int) -> str | None:
    with closing(sqlite3.connect(centre_file)) as raw:
        found = raw.execute("SELECT corrected_at FROM event_with_corrected_time WHERE seq = ?", [seq]).fetchone()[0]
    return None if found is None else str(found)
