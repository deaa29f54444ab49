"""`make test-clocks`: the clock-sensitive tests at faked moments, in other time zones and languages. Arguments go to pytest.

faketime shifts the wall clock of pytest and of every process that it starts by a fixed number of seconds. The monotonic clock stays
real, because timeouts and pauses count on it.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.paths import PROJECT

SITE = PROJECT / "tests/environments/faketime_python"
UNIT = "tests/unit"
PATHS = (
    f"{UNIT}/kiosk/core",
    f"{UNIT}/kiosk/credentials",
    f"{UNIT}/kiosk/health",
    f"{UNIT}/kiosk/storage",
    f"{UNIT}/kiosk/cli",
    f"{UNIT}/kiosk/app",
    f"{UNIT}/mqtt",
    f"{UNIT}/web_ui",
    "tests/integration/broker/test_certificate_clock.py",
    "tests/integration/centre",
)
"""Every folder with a test that reads the clock, or computes with days, time zones or ages."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When, where, and in which language the tests run."""

    utc_at: datetime
    timezone: str
    language: str
    why: str


MOMENTS = (
    Moment(datetime(2027, 6, 15, 17, 47, tzinfo=UTC), "UTC", "C", "after midnight in Hue, before midnight in UTC"),
    Moment(datetime(2027, 1, 31, 23, 59, 30, tzinfo=UTC), "UTC", "C.UTF-8", "a month ends in UTC during the run"),
    Moment(
        datetime(2026, 12, 31, 16, 59, 30, tzinfo=UTC),
        "Asia/Ho_Chi_Minh",
        "C.UTF-8",
        "the year ends in Hue during the run",
    ),
    Moment(
        datetime(2026, 12, 31, 23, 59, 30, tzinfo=UTC),
        "America/Los_Angeles",
        "C",
        "the year ends in UTC during the run",
    ),
    Moment(datetime(2028, 2, 29, 17, 47, tzinfo=UTC), "America/Los_Angeles", "C.UTF-8", "29 February"),
)


def main(arguments: list[str]) -> int:
    """Exit status 1 where a test failed at any moment."""
    rows, failed = [], False
    for moment in MOMENTS:
        began_s = time.monotonic()
        status = run(moment, arguments)
        failed |= status != 0
        verdict = "failed" if status else "passed"
        rows.append(
            f"{moment.utc_at:%Y-%m-%d %H:%M:%S} {moment.timezone:20} {time.monotonic() - began_s:4.0f} s  {verdict}: {moment.why}"
        )
    print("\nclock-sensitive tests at faked moments", *rows, sep="\n")
    return int(failed)


def run(moment: Moment, arguments: list[str]) -> int:
    """Pytest's exit status at one moment."""
    print(f"== {moment.utc_at} UTC, {moment.timezone}, {moment.language}: {moment.why}", flush=True)
    offset_s = int(moment.utc_at.timestamp() - time.time())
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LC_")}
    environment |= {"TZ": moment.timezone, "LANG": moment.language}
    environment |= {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1", "PYTHONPATH": str(SITE)}
    pytest = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--numprocesses",
        "2",
        "--dist",
        "loadfile",
    ]
    chosen = arguments if any(not argument.startswith("-") for argument in arguments) else [*PATHS, *arguments]
    command = ["faketime", "-f", f"{offset_s:+d}", *pytest, *chosen]
    return subprocess.run(command, cwd=PROJECT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
