"""System tests: their options, and what they measured, which is printed at the end."""

import random
from collections.abc import Callable

import pytest

Measured = Callable[[str], None]
_KEY = "measured"
_SEED = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known where tests/system is named on the command line, as `make test-system` does."""
    group = parser.getgroup("system tests")
    group.addoption("--short", action="store_true", help="test-arm: every fourth image; test-pi: no idle time")
    group.addoption("--idle-minutes", type=float, help="test-pi: how long an idle kiosk is watched (12)")
    group.addoption("--suites", nargs="+", choices=["bookworm", "trixie"], help="test-install: Debian suites (both)")
    group.addoption("--patience", type=float, help="test-install: seconds an upgrade waits to be ready (20)")
    group.addoption(
        "--cuts", type=int, help="test-install: power cuts of an upgrade (2); test-power: of the machine (5)"
    )
    group.addoption("--points", type=int, help="test-power: crash points of the recorded run (100)")
    group.addoption("--seed", type=int, help="test-install, test-power: repeats a run")


def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed."""
    asked = config.getoption("--seed", None)
    config.stash[_SEED] = random.SystemRandom().randrange(10**6) if asked is None else asked


def pytest_report_header(config: pytest.Config) -> str:
    """The seed, for `--seed`."""
    return f"seed {config.stash[_SEED]}"


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int:
    """Repeats what is left to chance."""
    return request.config.stash[_SEED]


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Measured:
    """Call it with what a test measured, as one sentence."""
    return lambda text: record_property(_KEY, text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each test that measured something."""
    lines = [
        f"{report.nodeid.rpartition('::')[2]}: {text} [{report.duration:.0f} s]"
        for report in terminalreporter.getreports("passed")
        for key, text in report.user_properties
        if key == _KEY
    ]
    if lines:
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.write_line(line)
