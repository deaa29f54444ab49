"""The generated pages of docs/ say what the code does now."""

import pytest

from docs._generate import run
from docs._generate.blocks import with_block
from docs._generate.pages.rules import SOURCES
from tests.fakes.data.people import WORLD
from tests.paths import PROJECT


@pytest.mark.parametrize("name", run.generators("pages"))
def test_what_a_generator_makes_is_what_stands_in_docs(name: str) -> None:
    for path, text in run.expected(run.load(name)):
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is out of date: run `make docs`"


def test_every_mark_of_a_page_has_a_generator() -> None:
    made = {path for name in run.generators("pages") for path, _ in run.expected(run.load(name))}
    marked = {
        path
        for path in (PROJECT / "docs").rglob("*.md")
        if "<!-- made by `make docs`" in path.read_text(encoding="utf-8")
    }
    assert marked <= made


def test_a_page_without_the_marks_is_an_error() -> None:
    with pytest.raises(ValueError, match="no marks of: table"):
        with_block("# Page\n", "table", "| |")


def test_the_table_of_kinds_leaves_none_out() -> None:
    assert {WORLD[label].kind for label in SOURCES} == {sample.kind for sample in WORLD.samples}
