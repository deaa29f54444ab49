"""Two months of a small gate. `make simulated-year` has 400 people a day and a whole year."""

from pathlib import Path

from tests.faults.simulated_year import simulate


def test_no_day_passes_on_which_gate_retention_or_delivery_stand_still(tmp_path: Path) -> None:
    year = simulate(tmp_path, people=20, days=60, seed=3)
    assert year.good, year
    assert min(year.outage_days, year.full_disk_days, year.jump_days, year.restarts, year.rejected) > 0
    assert year.never_answered > 0
    assert year.most_rows < 20 * 30, "retention and outages bound the rows"
