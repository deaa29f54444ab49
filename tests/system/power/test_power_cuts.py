"""Power cuts of an emulated machine while people pass: each green seen outside has its record, on the disk and at the centre.

The control shows that the measurement can fail: the same machine with fsync turned into nothing must lose greens. Not covered: the
card's own controller, which may answer a flush before the data is safe (docs/testing).
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from tests.fakes.processes.broker import Broker
from tests.system.conftest import Measured
from tests.system.power import cuts as power_cuts
from tests.system.power.centre import Centre, centre
from tests.system.power.cuts import Cut, Series
from tests.system.power.disk import Found
from tests.system.power.machine import FOLDER, Parts

pytestmark = [pytest.mark.system, pytest.mark.power, pytest.mark.timeout(5400)]
CUTS = 5


@dataclass(frozen=True, slots=True)
class Life:
    """One device's life: its cuts, what is on its disk in the end, and the centre that it delivered to."""

    series: Series
    found: Found
    centre: Centre

    @property
    def cuts(self) -> list[Cut]:
        """In their order."""
        return self.series.cuts


@pytest.fixture(scope="module")
def life(request: pytest.FixtureRequest, parts: Parts, broker: Broker, chance: random.Random) -> Iterator[Life]:
    """The machine is started and cut again and again, and delivers to a centre meanwhile and at the end."""
    number = request.config.getoption("--cuts")
    if number == 0:
        pytest.skip("--cuts 0")
    with centre(broker, FOLDER) as ledger:
        series = Series(parts, chance)
        for _ in range(number or CUTS):
            print(_described(series.cut()), flush=True)
        yield Life(series, series.deliver_the_rest(ledger), ledger)


def test_no_green_is_without_its_record(life: Life, measured: Measured) -> None:
    assert not any(cut.greens_lost or cut.records_lost for cut in life.cuts), _lost(life.cuts)
    assert any(cut.greens for cut in life.cuts), "no green was seen"
    measured(f"{_lost(life.cuts)}, in {len(life.cuts)} cuts")


def test_after_a_cut_no_database_needs_a_person_and_its_numbers_have_no_gap(life: Life, measured: Measured) -> None:
    assert [f"cut {cut.number}: {problem}" for cut in life.cuts for problem in cut.problems] == []
    assert power_cuts.lives(life.cuts) == 1
    measured(f"0 of {len(life.cuts)} starts; 1 epoch")


def test_a_cut_at_another_moment_of_these_lives_would_need_no_person_either(life: Life, measured: Measured) -> None:
    assert life.series.problems == []
    measured(f"0 of {life.series.points} examined")


def test_the_centre_ends_complete(life: Life, measured: Measured) -> None:
    assert life.centre.problem(life.found) == ""
    assert life.found.count > 0
    again = life.centre.sent_again()
    measured(f"{life.found.count} access events, 0 missing, 0 doubled; {again} came twice and were recognised")


def test_control_with_fsync_turned_into_nothing_a_cut_is_noticed(
    life: Life, parts: Parts, chance: random.Random, measured: Measured
) -> None:
    cut = Series(parts, chance, FOLDER / "control.img").cut(honest=False)
    assert cut.greens_lost > 0
    measured(_lost([cut]))


def _described(cut: Cut) -> str:
    return (
        f"cut {cut.number} during {cut.during} after {cut.on_s:.1f} s, unflushed writes {cut.fate}: "
        f"{cut.greens} greens seen, records up to {cut.found.last_seq}"
    )


def _lost(cuts: Sequence[Cut]) -> str:
    lost, greens = sum(cut.greens_lost for cut in cuts), sum(cut.greens for cut in cuts)
    records = sum(cut.records_lost for cut in cuts)
    return f"lost {lost} of {greens} greens seen outside, and {records} records that its log had named"
