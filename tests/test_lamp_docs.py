"""The page about lamps is made from the table of patterns, and is never older than it."""

from pathlib import Path

from kiosk import config
from tests import make_docs_lamps

DOCS = Path(__file__).parents[1] / "docs"


def test_page_and_pictures_are_those_that_make_docs_makes() -> None:
    page = make_docs_lamps.PAGE.format(table=make_docs_lamps.table())
    assert (DOCS / "lamps.md").read_text(encoding="utf-8") == page, "make docs"
    assert (DOCS / "pictures/lamps.svg").read_text(encoding="utf-8") == make_docs_lamps.picture(), "make docs"
    assert (DOCS / "pictures/wiring.svg").read_text(encoding="utf-8") == make_docs_lamps.wiring(), "make docs"


def test_the_wiring_names_the_pins_of_the_default_configuration() -> None:
    text = (DOCS / "wiring.md").read_text(encoding="utf-8")
    pins = config.Signal()
    for name, pin in {"red": pins.red, "amber": pins.amber, "green": pins.green, "buzzer": pins.buzzer}.items():
        assert pin is not None
        row = next(line for line in text.splitlines() if line.startswith(f"| {name}"))
        assert f" {pin} ({make_docs_lamps.PIN_OF_BCM[pin]}) " in row
