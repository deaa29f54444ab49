"""The pages about wiring show the default pins, with a resistor and a reason for each branch."""

from docs._generate.pages import wiring
from kiosk import config
from tests.paths import PROJECT

DOCS = PROJECT / "docs"


def test_the_page_of_the_wiring_has_pin_and_resistor_of_every_branch_that_is_drawn() -> None:
    rows = [
        line
        for line in (DOCS / "how-to/wire-the-gate.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| ")
    ]
    for branch in wiring.BRANCHES:
        (row,) = [line for line in rows if f"| {branch.pin} ({wiring.PIN_OF_BCM[branch.pin]}) |" in line]
        assert f"| {branch.resistor}" in row
        assert len(row.split("|")[4].strip()) > len("as above"), "each pin and resistor has its reason"


def test_the_default_pins_are_the_ones_that_are_drawn() -> None:
    pins = config.GpioSettings()
    drawn = {branch.name: branch.pin for branch in wiring.BRANCHES}
    assert (drawn["red"], drawn["amber"], drawn["green"], drawn["buzzer"]) == (
        pins.red, pins.amber, pins.green, pins.buzzer,
    )  # fmt: skip
    assert all(9 <= branch.pin <= 27 if branch.output else branch.pin <= 8 for branch in wiring.BRANCHES)
