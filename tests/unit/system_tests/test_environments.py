"""`make test-clocks` runs every test that reads the clock, and names only what exists."""

import re

import pytest

from tests.environments.clocks import LEFT_OUT, PATHS
from tests.paths import PROJECT

READS_THE_CLOCK = re.compile(r"datetime\.now\(|date\.today\(|time\.time\(|ZoneInfo\(|astimezone\(|fromtimestamp\(")
FOLDERS = ("tests/unit", "tests/integration")


@pytest.mark.parametrize("path", PATHS)
def test_every_path_has_tests(path: str) -> None:
    found = PROJECT / path
    assert found.is_file() or any(found.rglob("test_*.py"))


def test_no_test_that_reads_the_clock_is_left_out() -> None:
    reading = [
        path.relative_to(PROJECT).as_posix()
        for folder in FOLDERS
        for path in (PROJECT / folder).rglob("test_*.py")
        if READS_THE_CLOCK.search(path.read_text(encoding="utf-8"))
    ]
    assert reading
    assert [path for path in reading if not path.startswith(PATHS) and "system_tests" not in path] == []


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_left_out_exists(name: str) -> None:
    texts = (path.read_text(encoding="utf-8") for path in (PROJECT / "tests/unit").rglob("test_*.py"))
    assert any(f"def {name}(" in text for text in texts)
