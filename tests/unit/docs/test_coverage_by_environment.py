"""The page on test coverage names environments that exist, and leaves none out."""

import re

from tests.paths import PROJECT

PAGE = (PROJECT / "docs/testing/coverage.md").read_text(encoding="utf-8")
FILES = {"host": "tests/conftest.py", "browser": "tests/e2e/browser/test_public_pages.py"}
"""Environments whose tests are part of the test suite."""


def environments() -> dict[str, str]:
    """Name and command of each row of the table of environments."""
    table = PAGE.partition("| environment |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {row[0]: row[-1].strip("`") for row in rows}


def promises() -> tuple[list[str], list[list[str]]]:
    """The environments of the columns, and the rows of the table of promises."""
    table = PAGE.partition("| promise |")[2].partition("\n\n")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]
    return [cell.strip() for cell in table[0].strip("|").split("|") if cell.strip()], rows


def test_every_environment_of_the_table_is_a_file_and_its_command_names_it() -> None:
    found = environments()
    assert len(found) >= 9
    for name, command in found.items():
        assert list(PROJECT.glob(FILES.get(name, f"tests/system/{name}/test_*.py"))), name
        assert re.fullmatch(rf"make test(-{name})?", command), command


def test_no_system_test_is_left_out() -> None:
    runnable = {path.parent.name for path in (PROJECT / "tests/system").glob("*/test_*.py")}
    assert runnable
    assert runnable <= set(environments()), runnable - set(environments())


def test_every_promise_is_asserted_by_an_environment_that_exists() -> None:
    columns, rows = promises()
    assert set(columns) <= set(environments())
    for row in rows:
        assert len(row) == len(columns) + 1, row
        assert set(row[1:]) <= {"", "x", "o"}, row
        assert "x" in row[1:], f"not asserted: {row[0]}"


def test_what_needs_a_real_pi_points_at_a_checklist_that_exists() -> None:
    targets = re.findall(r"\]\(([a-z./-]+\.md)\)", PAGE)
    assert "../how-to/accept-a-device.md" in targets
    for target in targets:
        assert (PROJECT / "docs/testing" / target).resolve().exists(), target
