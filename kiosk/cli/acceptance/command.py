"""`kiosk doctor --acceptance`: guides the owner of a real Pi through checks and writes a report. It takes 15 minutes.

The last step crashes the kernel to test the hardware watchdog. The report is saved before, and the next run continues.
"""

import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from kiosk import config
from kiosk.cli.acceptance.context import AcceptanceContext, AcceptanceStep, StepResult, StepStatus
from kiosk.cli.acceptance.report import WATCHDOG, read_report, report_paths, write_report
from kiosk.cli.acceptance.steps import STEPS
from kiosk.core.ports import KioskError
from kiosk.system.status_file import read_status
from kiosk.system.translations import Translator, translator

POLL_INTERVAL_S = 0.2
RESET_TIMEOUT_S = 180.0
BOOT_ID = "/proc/sys/kernel/random/boot_id"
COLOURS = {StepStatus.PASSED: "green", StepStatus.FAILED: "red", StepStatus.PENDING: "yellow"}


class DeviceContext:
    """The real device, and the owner at the terminal."""

    def __init__(self, settings: config.Settings) -> None:
        self.settings = settings
        self._t = translator(settings.site.language)

    def instruct(self, msgid: str, **values: object) -> None:
        """Print what to do. The step detects the result by itself."""
        click.echo("\n" + self._t(f"acceptance.{msgid}", **values))

    def ask(self, msgid: str, **values: object) -> bool | None:
        """True for yes, False for no, None for skipped."""
        question = f"\n{self._t(f'acceptance.{msgid}', **values)}  {self._t('acceptance.choices')}"
        keys = {answer: (self._t(f"acceptance.key.{answer}"), answer[0]) for answer in ("yes", "no", "skip")}
        while True:
            key = str(click.prompt(question, prompt_suffix=" ")).strip().lower()[:1]
            for answer, known in keys.items():
                if key in known:
                    return None if answer == "skip" else answer == "yes"

    def read_status(self) -> Mapping[str, Any] | None:
        """The status of the daemon, or None."""
        return read_status(self.settings.run_dir)

    def wait_until(self, condition: Callable[[], bool], timeout_s: float) -> float | None:
        """Check the condition five times a second. Seconds until it was true, or None after the timeout."""
        began_s, tick = time.monotonic(), threading.Event()
        while not condition():
            if time.monotonic() - began_s > timeout_s:
                return None
            tick.wait(POLL_INTERVAL_S)
        return time.monotonic() - began_s

    def read_file(self, path: str) -> str:
        """Text of a small file. Empty if there is none."""
        try:
            return Path(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def run_command(self, *command: str) -> str:
        """Output of a command. Empty if it cannot run."""
        try:
            return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout
        except (OSError, subprocess.TimeoutExpired):
            return ""


def run_steps(
    context: AcceptanceContext,
    folder: Path,
    *,
    steps: Iterable[tuple[str, AcceptanceStep]] = STEPS,
    now: Callable[[], datetime] | None = None,
) -> list[StepResult]:
    """Run the steps that have not passed yet, write the report after each, and return all results.

    A step that passed in an earlier report in this folder is not repeated, so an interrupted acceptance continues.
    """
    clock = now or (lambda: datetime.now(UTC))
    earlier = read_report(folder, context.settings)
    found = {name: result for name, result in earlier.items() if result.status is StepStatus.PASSED}
    if WATCHDOG in earlier and WATCHDOG not in found:
        found[WATCHDOG] = _result_after_reset(context, earlier[WATCHDOG], clock())
    for name, step in steps:
        if name not in found:
            found[name] = step(context)
            _print_result(found[name], translator(context.settings.site.language))
            write_report(found.values(), folder, context.settings, clock())
    if found.get(WATCHDOG, StepResult(WATCHDOG, StepStatus.PENDING)).status is not StepStatus.PASSED:
        found[WATCHDOG] = crash_kernel(
            context,
            lambda result: write_report([*_without_watchdog(found), result], folder, context.settings, clock()),
            clock(),
        )
    write_report(found.values(), folder, context.settings, clock())
    return list(found.values())


def _without_watchdog(results: Mapping[str, StepResult]) -> list[StepResult]:
    return [result for name, result in results.items() if name != WATCHDOG]


def crash_kernel(context: AcceptanceContext, save_result: Callable[[StepResult], None], now_at: datetime) -> StepResult:
    """Crash the kernel to test the hardware watchdog. Only if there is a watchdog and the owner agrees."""
    if not context.read_file("/sys/class/watchdog/watchdog0/identity"):
        return StepResult(WATCHDOG, StepStatus.FAILED, "the board has no watchdog (dtparam=watchdog=on)")
    agreed = context.ask("hang-kernel")
    if not agreed:
        return StepResult(WATCHDOG, StepStatus.PENDING)
    pending = StepResult(
        WATCHDOG,
        StepStatus.PENDING,
        f"hung in boot {context.read_file(BOOT_ID).strip()} at {now_at.isoformat(timespec='seconds')}",
    )
    save_result(pending)
    context.run_command("sync")
    # With panic=0 only the watchdog restarts the board.
    context.run_command("sh", "-c", "echo 0 > /proc/sys/kernel/panic; echo c > /proc/sysrq-trigger")
    return pending


def _result_after_reset(context: AcceptanceContext, pending: StepResult, now_at: datetime) -> StepResult:
    """Result of the watchdog step, in the run after the crash. A different boot id means that the board restarted."""
    fields = pending.detail.split()
    if not pending.detail.startswith("hung in boot ") or context.read_file(BOOT_ID).strip() == fields[3]:
        return StepResult(WATCHDOG, StepStatus.PENDING)
    uptime_s = float((context.read_file("/proc/uptime").split() or ["0"])[0])
    away_s = (now_at - datetime.fromisoformat(fields[5])).total_seconds() - uptime_s
    by_itself = context.ask("restarted-by-itself")
    status = StepStatus.PENDING if by_itself is None else StepStatus.PASSED if by_itself else StepStatus.FAILED
    return StepResult(
        WATCHDOG,
        status,
        f"reset {away_s:.0f} s after it hung"
        if 0 <= away_s < RESET_TIMEOUT_S
        else "reset; the clock was set meanwhile",
    )


def _print_result(result: StepResult, t: Translator) -> None:
    word = t(f"acceptance.status.{result.status}")
    click.echo(
        click.style(f"{word:<10}", fg=COLOURS[result.status])
        + f"{t(f'acceptance.name.{result.name}')}: {result.detail}"
    )


def run_acceptance(settings: config.Settings, folder: Path) -> int:
    """Run the steps and print the paths of the report. Returns 0 if all steps passed. Raises KioskError without a daemon."""
    if read_status(settings.run_dir) is None:
        raise KioskError(
            "The kiosk does not run here, so there is nothing to accept. Start it:  sudo systemctl start kiosk"
        )
    results = run_steps(DeviceContext(settings), folder)
    remaining = sum(result.status is not StepStatus.PASSED for result in results)
    for path in report_paths(folder, settings):
        click.echo(str(path))
    return 1 if remaining else 0
