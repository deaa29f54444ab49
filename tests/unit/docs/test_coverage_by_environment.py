"""The page "what is proved where" names rungs that exist, and leaves none out."""

import re

from tests.paths import PROJECT

PAGE = (PROJECT / "docs/proved-where.md").read_text(encoding="utf-8")
FILES = {"host": "tests/conftest.py", "browser": "tests/e2e/browser/test_public_pages.py"}
"""Rungs that are tests of pytest's."""


def rungs() -> dict[str, str]:
    """Name and command of each row of the table of rungs."""
    table = PAGE.partition("| rung |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {row[0]: row[-1].strip("`") for row in rows}


def promises() -> tuple[list[str], list[list[str]]]:
    """The columns' rungs, and the rows of the table of promises."""
    table = PAGE.partition("| promise |")[2].partition("\n\n")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]
    return [cell.strip() for cell in table[0].strip("|").split("|") if cell.strip()], rows


def test_every_rung_of_the_table_is_a_file_and_its_command_names_it() -> None:
    found = rungs()
    assert len(found) >= 9
    for name, command in found.items():
        assert (PROJECT / FILES.get(name, f"tests/rung_{name}.py")).exists(), name
        assert re.fullmatch(rf"make test(-{name})?", command), command


def test_no_rung_that_can_be_run_is_left_out() -> None:
    runnable = {
        path.stem.removeprefix("rung_")
        for path in (PROJECT / "tests").glob("rung_*.py")
        if "make test-" in path.read_text(encoding="utf-8").partition('"""')[2].partition("\n")[0]
        and 'if __name__ == "__main__"' in path.read_text(encoding="utf-8")
        and not path.stem.endswith(("_inside", "_recorder"))
    }
    assert runnable
    assert runnable <= set(rungs()), runnable - set(rungs())


def test_every_promise_is_asserted_by_a_rung_that_exists() -> None:
    columns, rows = promises()
    assert set(columns) <= set(rungs())
    for row in rows:
        assert len(row) == len(columns) + 1, row
        assert set(row[1:]) <= {"", "x", "o"}, row
        assert "x" in row[1:], f"nobody asserts: {row[0]}"


def test_what_needs_a_real_pi_points_at_a_checklist_that_exists() -> None:
    for target in re.findall(r"\]\(([a-z-]+\.md)\)", PAGE):
        assert (PROJECT / "docs" / target).exists(), target
