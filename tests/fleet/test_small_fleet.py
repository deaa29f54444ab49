"""Small runs of the fleet simulator against a real broker, a real centre and real databases."""

import json
from dataclasses import replace
from pathlib import Path

from tests.fakes.processes import postgres
from tests.fleet import parts as fleet_parts
from tests.fleet import report, run
from tests.fleet.simulation import FleetOptions
from tests.fleet.traffic import FixedRate

SMALL = FleetOptions(kiosks=50, rate=FixedRate(40), duration_s=2.0, connects_per_s=200, drain_s=60)


def test_every_passage_of_fifty_kiosks_gets_its_receipt_through_sqlite_in_spite_of_outages(tmp_path: Path) -> None:
    options = replace(SMALL, outages_per_hour=20_000, outage_s=0.5)
    with fleet_parts.running("sqlite") as parts:
        simulation, measured = run.measure(options, parts)
        counts = simulation.counts
        assert report.failed(report.rows(counts, measured)) == [], parts.last_words()
    assert counts.recorded == counts.confirmed > 20
    assert measured.stored is not None
    assert measured.stored.rows == counts.recorded
    assert counts.outages > 3
    assert counts.connects > 50
    report.save(tmp_path / "fleet.json", options, counts, measured)
    saved = json.loads((tmp_path / "fleet.json").read_text())
    assert saved["counts"]["live"]["count"] + saved["counts"]["backlog"]["count"] == counts.recorded


def test_a_backlog_and_live_passages_of_fifty_kiosks_reach_postgresql_through_two_centres() -> None:
    postgres.need_postgres()
    with fleet_parts.running("postgresql", centres=2) as parts:
        simulation, measured = run.measure(replace(SMALL, backlog=60), parts)
        counts = simulation.counts
        assert report.failed(report.rows(counts, measured)) == [], parts.last_words()
    assert counts.recorded == counts.confirmed > 50 * 60
    assert measured.stored is not None
    assert measured.stored.rows == counts.recorded
    assert len(counts.backlog) == 50 * 60
    assert set(measured.usage) == {"simulator", "broker", "centre", "postgresql"}


def test_after_the_death_of_the_broker_all_kiosks_come_back_and_nothing_is_lost() -> None:
    with fleet_parts.running("sqlite") as parts:
        simulation, measured = run.measure(replace(SMALL, kiosks=20), parts, kill_broker_at_s=0.5)
        counts = simulation.counts
        rows = [row for row in report.rows(counts, measured) if "after" not in row.measure]
        assert report.failed(rows) == [], parts.last_words()
    assert counts.lost_connections >= 20
    assert counts.connects >= 40
    assert measured.stored is not None
    assert measured.stored.rows == counts.recorded == counts.confirmed


def test_a_subscriber_that_stores_nothing_answers_every_event() -> None:
    with fleet_parts.running("sqlite", subscriber="acknowledging") as parts:
        parts.database = ""
        simulation, measured = run.measure(replace(SMALL, duration_s=1.0, backlog=3), parts)
    assert report.failed(report.rows(simulation.counts, measured)) == []
    assert simulation.counts.confirmed == simulation.counts.recorded > 150
