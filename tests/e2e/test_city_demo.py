"""The demo of a city with real processes: a gate with a name, and one that enrols by the code in front of its camera."""

import urllib.request
from pathlib import Path

import pytest
from rich.console import Console

from kiosk.simulation.city.city_demo import CityDemo
from kiosk.simulation.city.city_terminal import run_city
from kiosk.simulation.city.first_rows import ACCOUNT, NEW_PLACE, PLACES
from kiosk.simulation.visitors import fast_timing
from mqtt.centre.accounts.audit import read_audit, verify_audit
from mqtt.centre.ingest.database import open_query

pytestmark = pytest.mark.timeout(300)  # seven processes start


def test_a_gate_sends_records_the_next_one_enrols_and_the_pages_answer(tmp_path: Path) -> None:
    demo = CityDemo(tmp_path, fast_timing(8.0), window_s=1.0, pause_s=0.0, places=PLACES[:1])
    with demo:
        found = run_city(demo, Console(quiet=True), once=True)
        with urllib.request.urlopen(f"{demo.page_url}sign-in") as answer:  # noqa: S310  its scheme is http
            assert 'name="password"' in answer.read().decode()
    assert [row.place.wire_name for row in found.rows] == [PLACES[0].wire_name, NEW_PLACE.wire_name]
    assert all(row.at_centre >= 1 for row in found.rows)
    assert {row.state for row in found.rows} <= {"ready", "degraded"}
    with open_query(demo.database) as query:
        acts = [row.entry.what for row in read_audit(query)]
        assert {"invite-kiosk", "approve-enrolment", "issue-certificate"} <= set(acts)
        assert list(verify_audit(query)) == []
        assert query("SELECT name FROM account") == [{"name": ACCOUNT}]
