"""The pages about codes, rules and visits say what the code does now."""

from docs._generate.rules import SOURCES, pages
from tests.fakes.data.people import WORLD


def test_no_generated_part_of_a_page_is_stale() -> None:
    for page, text in pages().items():
        assert page.read_text(encoding="utf-8") == text, f"{page.name} is stale: run `make docs`"


def test_the_table_of_kinds_leaves_none_out() -> None:
    assert {WORLD[label].kind for label in SOURCES} == {sample.kind for sample in WORLD.samples}
