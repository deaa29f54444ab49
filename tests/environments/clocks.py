"""`make test-clocks`: the clock-sensitive tests at faked moments, in other time zones and languages. Arguments go to pytest.

faketime shifts the wall clock of pytest and of every process that it starts by a fixed number of seconds. The monotonic clock stays
real, because timeouts and pauses count on it.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.paths import PROJECT

SITE = PROJECT / "tests/environments/faketime_python"
UNIT = "tests/unit"
PATHS = (
    f"{UNIT}/kiosk/app/test_command_handlers.py",
    f"{UNIT}/kiosk/cli/centre/test_check.py",
    f"{UNIT}/kiosk/cli/test_acceptance.py",
    f"{UNIT}/kiosk/cli/test_list_commands.py",
    f"{UNIT}/kiosk/cli/test_pki.py",
    f"{UNIT}/kiosk/cli/test_pki_password.py",
    f"{UNIT}/kiosk/cli/maintenance/test_purge.py",
    f"{UNIT}/kiosk/cli/test_status.py",
    f"{UNIT}/kiosk/core",
    f"{UNIT}/kiosk/credentials/formats/test_entry_pass_keys.py",
    f"{UNIT}/kiosk/credentials/formats/test_entry_pass_rotating.py",
    f"{UNIT}/kiosk/credentials/formats/test_hcert_content.py",
    f"{UNIT}/kiosk/credentials/formats/test_hcert_malformed.py",
    f"{UNIT}/kiosk/credentials/issuing",
    f"{UNIT}/kiosk/credentials/trust/test_signed_lists.py",
    f"{UNIT}/kiosk/enrolment/test_invitation_code.py",
    f"{UNIT}/kiosk/health",
    f"{UNIT}/kiosk/storage/test_counted_refusals.py",
    f"{UNIT}/kiosk/storage/test_event_store.py",
    f"{UNIT}/kiosk/storage/test_queries.py",
    f"{UNIT}/kiosk/storage/test_retention.py",
    f"{UNIT}/mqtt/centre/test_centre_command.py",
    f"{UNIT}/mqtt/centre/test_ledger.py",
    f"{UNIT}/mqtt/centre/tracing",
    f"{UNIT}/mqtt/test_certificates.py",
    f"{UNIT}/web_ui/api",
    f"{UNIT}/web_ui/centre",
    f"{UNIT}/web_ui/i18n",
    f"{UNIT}/web_ui/pages",
    "tests/integration/broker/test_access_control.py",
    "tests/integration/broker/test_certificate_clock.py",
    "tests/integration/broker/test_mosquitto_with_spare.py",
    "tests/integration/broker/test_published_schemas.py",
    "tests/integration/broker/test_tls_failures.py",
    "tests/integration/centre",
    "tests/integration/delivery/test_no_retained_messages.py",
    "tests/integration/delivery/test_several_brokers.py",
    "tests/integration/enrolment",
    "tests/integration/remote/test_commands.py",
    "tests/integration/remote/test_list_download.py",
    "tests/integration/tracing/test_cases.py",
    "tests/integration/tracing/test_devices_forget.py",
    "tests/integration/tracing/test_erasure.py",
    "tests/integration/tracing/test_keys.py",
    "tests/integration/tracing/test_officers_guide.py",
    "tests/integration/tracing/test_pages.py",
)
"""The tests that read the clock, or compute with days, time zones or ages."""
LEFT_OUT = ("test_no_request_whatever_breaks_an_address", "test_all_cards_of_all_sheets_are_readable_in_print")
"""Slow, and about something else."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When, where, and in which language the tests run."""

    utc_at: datetime
    timezone: str
    language: str
    why: str


MOMENTS = (
    Moment(datetime(2027, 6, 15, 17, 47, tzinfo=UTC), "UTC", "C", "after midnight in Hue, before midnight in UTC"),
    Moment(datetime(2026, 12, 31, 16, 59, 30, tzinfo=UTC), "Asia/Ho_Chi_Minh", "C.UTF-8", "the year ends in Hue"),
    Moment(datetime(2026, 12, 31, 23, 59, 30, tzinfo=UTC), "America/Los_Angeles", "C", "the year ends in UTC"),
    Moment(datetime(2028, 2, 29, 23, 59, 30, tzinfo=UTC), "America/Los_Angeles", "C.UTF-8", "29 February ends in UTC"),
)
"""The last three cross midnight during the run. 29 February and 31 December are also last days of a month."""


def preloaded_variables(offset_file: Path) -> dict[str, str]:
    """The environment of a process whose wall clock is shifted by the text of a file, for example `+3600`. It may change.

    Empty where faketime is not installed.
    """
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        return {}
    return {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME_TIMESTAMP_FILE": str(offset_file),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
        "PYTHONPATH": str(SITE),
    }


def remove_shared_memory(pids: Iterable[int]) -> None:
    """Of processes with `preloaded_variables` that have ended: one that is killed leaves its shared memory."""
    for pid in pids:
        for path in Path("/dev/shm").glob(f"*faketime*_{pid}"):  # noqa: S108 - of libfaketime
            path.unlink(missing_ok=True)


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
    everything = [*PATHS, "-k", " and ".join(f"not {name}" for name in LEFT_OUT)]
    chosen = arguments if any(_is_path(argument) for argument in arguments) else [*everything, *arguments]
    command = ["faketime", "-f", f"{offset_s:+d}", *pytest, *chosen]
    return subprocess.run(command, cwd=PROJECT, env=environment, check=False).returncode


def _is_path(argument: str) -> bool:
    return not argument.startswith("-") and (PROJECT / argument.partition("::")[0]).exists()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
