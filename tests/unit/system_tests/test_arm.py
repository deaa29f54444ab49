"""The paths and names of tests in `make test-arm` exist."""

import pytest

from tests.paths import PROJECT
from tests.system.arm.wheels import LONG, SUITE, VECTORS


@pytest.mark.parametrize("path", [*VECTORS, *SUITE])
def test_every_path_of_the_arm_suite_has_tests(path: str) -> None:
    found = PROJECT / path
    assert found.is_file() or any(found.rglob("test_*.py"))


@pytest.mark.parametrize("name", LONG)
def test_each_test_that_the_short_run_skips_exists(name: str) -> None:
    texts = [
        file.read_text(encoding="utf-8")
        for path in SUITE
        for file in ([PROJECT / path] if path.endswith(".py") else (PROJECT / path).rglob("test_*.py"))
    ]
    assert sum(f"def {name}(" in text for text in texts) == 1
