"""Odd times and texts of one device never stop the status, the views or tracing. Both databases."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.centre.command import centre
from kiosk.core.model import ClockQuality
from mqtt.centre.ingest import limits
from mqtt.centre.ingest.batch import IngestedMessage
from mqtt.centre.ingest.database import open_ledger, open_query
from mqtt.centre.registry.model import RegistryRows
from mqtt.centre.registry.tree import make_registry
from mqtt.centre.tracing.core.model import SealedPassage
from mqtt.centre.tracing.search.sources import LedgerSource, TracedSite
from mqtt.device_messages import HealthMessage, HealthNotice, StateMessage
from mqtt.events import InvalidEvent
from mqtt.message_model import FIRST_YEAR, LAST_YEAR, MAX_MONOTONIC_S
from mqtt.topics import DeviceTopics
from tests.fakes.data.access_events import EPOCH, GATE, START_AT, an_event
from tests.fakes.data.arrivals import arrival_of
from tests.fakes.processes import postgres

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres.server() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "centre.db")
    return postgres.fresh_database(request.getfixturevalue("server"), request.node.name[:60])


def ask(database: str, *arguments: str) -> Result:
    return CliRunner().invoke(centre, ["--database", database, *arguments])


def passages(database: str) -> list[SealedPassage]:
    """What tracing reads of the site, of all times."""
    registry, sites = make_registry(RegistryRows()), {GATE.site: TracedSite(GATE.site, GATE.site, "other")}
    source = LedgerSource(database, registry, UTC, sites)
    begin, end = datetime(1990, 1, 1, tzinfo=UTC), datetime(2190, 1, 1, tzinfo=UTC)
    return [one for some in source.read(frozenset(sites), begin, end) for one in some]


def test_the_oddest_times_that_a_device_may_send_break_neither_views_nor_tracing(database: str, tmp_path: Path) -> None:
    times = [datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), NOW, datetime(LAST_YEAR, 12, 31, 23, 59, tzinfo=UTC)]
    seq = 0
    with closing(open_ledger(database)) as ledger:
        for boot, quality in (("a", ClockQuality.SYNCHRONISED), ("a", ClockQuality.UNSET), ("b", ClockQuality.UNSET)):
            for at in times:
                for monotonic_s in (0.0, MAX_MONOTONIC_S):
                    seq += 1
                    odd = replace(an_event(seq), occurred_at=at, monotonic_s=monotonic_s, clock_quality=quality)
                    ledger.record([arrival_of([(seq, odd)], NOW, boot=boot)])
        other = DeviceTopics("entrance", "dong-ba", "gate-2")
        ledger.record([arrival_of([(1, an_event(100))], NOW, branch=other)])
    with open_query(database) as query:
        assert len(query("SELECT corrected_at FROM effective_event")) == seq + 1
    assert "dong-ba/gate-2" in {one.gate for one in passages(database)}


def test_times_that_an_older_release_stored_break_neither_views_nor_tracing(database: str, tmp_path: Path) -> None:
    with closing(open_ledger(database)) as ledger:
        ledger.record([arrival_of([(1, an_event(1)), (2, an_event(2))], NOW)])
    with open_query(database) as query:
        query("UPDATE event SET occurred_at = '9999-12-31T23:59:59+00:00', monotonic_s = 1e12 WHERE seq = 1")
        query("UPDATE boot_clock SET offset_s = 1e12")
    with open_query(database) as query:
        assert len(query("SELECT corrected_at FROM effective_event")) == 2
    assert len(passages(database)) == 2


def test_escape_codes_and_line_breaks_of_a_device_do_not_reach_the_terminal(database: str) -> None:
    with closing(open_ledger(database)) as ledger:
        state = StateMessage(
            state="ready", reason="ok\x1b[2J\n\rdong-ba/gate-9: ready\u202e\x9b31m", software_version="1"
        )
        ledger.save_state(GATE, state, NOW)
    shown = ask(database, "status").output
    assert len(shown.split("\n")) == 3, "the summary, the device, and nothing after the last line break"
    assert all(one.isprintable() for line in shown.split("\n") for one in line)


def test_each_table_that_one_device_fills_has_a_limit_that_the_status_tells(database: str) -> None:
    with closing(open_ledger(database)) as ledger:
        for number in range(limits.MAX_EPOCHS + 3):
            boot = f"boot-{number}"
            ledger.record([arrival_of([(1, an_event(number))], NOW, epoch=f"{number:016x}", boot=boot)])
        for first in range(0, limits.MAX_NOTICES + 32, 32):
            notices = tuple(
                HealthNotice(number=first + n, kind="purged-age", at=START_AT, count=1) for n in range(1, 33)
            )
            with ledger.transaction():
                ledger.save_health(GATE, health(notices), NOW)
        for first in range(0, limits.MAX_REJECTED + 200, 200):
            invalid = [InvalidEvent(str(UUID(int=first + n)), "bad-data-seq", EPOCH) for n in range(200)]
            ledger.record([IngestedMessage(GATE, [], invalid, NOW)])
    with open_query(database) as query:
        for table, limit in (
            ("stream", limits.MAX_EPOCHS),
            ("notice", limits.MAX_NOTICES),
            ("rejected", limits.MAX_REJECTED),
        ):
            assert query(f"SELECT count(*) AS n FROM {table}")[0]["n"] == limit  # noqa: S608 - constants
    shown = ask(database, "status").output
    for reason in ("too-many-notices", "bad-data-seq"):
        assert "over a limit of the centre, so not stored: " in shown
        assert reason in shown


def health(notices: tuple[HealthNotice, ...]) -> HealthMessage:
    return HealthMessage(
        at=NOW, state="ready", clock_quality="unset", epoch=EPOCH, newest_seq=1, backlog=0, notices=notices
    )


def test_a_seq_far_beyond_the_newest_is_rejected(database: str) -> None:
    with closing(open_ledger(database)) as ledger:
        ledger.record([arrival_of([(5, an_event(5))], NOW)])
        far = ledger.record([arrival_of([(5 + limits.MAX_SEQ_JUMP + 1, an_event(6))], NOW)])
    assert [one.reason for rejected in far.rejected.values() for one in rejected] == [limits.SEQ_TOO_FAR]


def test_only_changed_ranges_are_written_and_their_number_is_limited(database: str) -> None:
    every_second = [(2 * number + 1, an_event(number)) for number in range(limits.MAX_RANGES + 50)]
    with closing(open_ledger(database)) as ledger:
        for start in range(0, len(every_second), 200):
            recorded = ledger.record([arrival_of(every_second[start : start + 200], NOW)])
        assert [one.reason for found in recorded.rejected.values() for one in found] == [limits.TOO_MANY_GAPS] * 50
        closing_gap = ledger.record([arrival_of([(2, an_event(9000))], NOW)])
        assert closing_gap.rejected == {}, "what closes a gap is always welcome"
    with open_query(database) as query:
        assert query("SELECT count(*) AS n FROM seq_range")[0]["n"] == limits.MAX_RANGES - 1


def test_missing_events_are_acknowledged_with_a_reason_and_retired_devices_forgotten(database: str) -> None:
    who = ["--site", GATE.site, "--device", GATE.device, "--requested-by", "Lê Văn Tám"]
    with closing(open_ledger(database)) as ledger:
        ledger.record([arrival_of([(seq, an_event(seq)) for seq in (1, 2, 5, 9)], datetime.now(UTC))])
        assert ask(database, "status").exit_code == 1
        assert "a reason is needed" in ask(database, "acknowledge", *who, "--reason", "no").output
        done = ask(database, "acknowledge", *who, "--reason", "card destroyed by fire")
        assert done.output == f"epoch {EPOCH}: acknowledged 3-4, 6-8\n"
        shown = ask(database, "status")
        assert (shown.exit_code, "complete (acknowledged as lost: 3-4, 6-8)" in shown.output) == (0, True)
        late = ledger.record([arrival_of([(3, an_event(3)), (12, an_event(12))], NOW)])
        assert late.rejected == {}, "an event that comes all the same is stored"
        assert "missing 10-11" in ask(database, "status").output
        assert ask(database, "forget", *who, "--reason", "gate was taken down").exit_code == 0
        assert GATE.device not in ask(database, "status").output
        later = datetime.now(UTC) + timedelta(seconds=1)
        ledger.record([IngestedMessage(GATE, arrival_of([(13, an_event(13))], later).events, [], later)])
        assert GATE.device in ask(database, "status").output, "it is back"
    with open_query(database) as query:
        audit = query("SELECT action, requested_by, reason, device FROM operator_action ORDER BY number")
    assert [tuple(row.values()) for row in audit] == [
        ("acknowledge", "Lê Văn Tám", "card destroyed by fire", "gate-1"),
        ("forget", "Lê Văn Tám", "gate was taken down", "gate-1"),
    ]
    assert (
        ask(
            database, "forget", "--site", "x", "--device", "y", "--requested-by", "z", "--reason", "no such device"
        ).exit_code
        == 1
    )
