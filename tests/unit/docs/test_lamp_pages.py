"""The pages about lamps and wiring are never older than the table of patterns and the default pins."""

from docs._generate import lamps, wiring
from kiosk import config
from tests.paths import PROJECT

DOCS = PROJECT / "docs"


def test_page_and_pictures_are_those_that_make_docs_makes() -> None:
    page = lamps.PAGE.format(table=lamps.table())
    assert (DOCS / "lamps.md").read_text(encoding="utf-8") == page, "make docs"
    assert (DOCS / "pictures/lamps.svg").read_text(encoding="utf-8") == lamps.picture(), "make docs"
    assert (DOCS / "pictures/wiring.svg").read_text(encoding="utf-8") == wiring.wiring(), "make docs"


def test_the_page_of_the_wiring_has_pin_and_resistor_of_every_branch_that_is_drawn() -> None:
    rows = [line for line in (DOCS / "wiring.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    for branch in wiring.BRANCHES:
        (row,) = [line for line in rows if f"| {branch.pin} ({wiring.PIN_OF_BCM[branch.pin]}) |" in line]
        assert f"| {branch.resistor}" in row
        assert len(row.split("|")[4].strip()) > len("as above"), "each pin and resistor has its reason"


def test_the_default_pins_are_the_ones_that_are_drawn() -> None:
    pins = config.Signal()
    drawn = {branch.name: branch.pin for branch in wiring.BRANCHES}
    assert (drawn["red"], drawn["amber"], drawn["green"], drawn["buzzer"]) == (
        pins.red, pins.amber, pins.green, pins.buzzer,
    )  # fmt: skip
    assert all(9 <= branch.pin <= 27 if branch.output else branch.pin <= 8 for branch in wiring.BRANCHES)
