"""`kiosk doctor --acceptance`: a quarter of an hour with the owner of a real Pi, and a report of what it showed.

The last step stops the kernel to see the board's own watchdog at work; the report is kept before it, and the next run goes on.
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
from kiosk.cli.acceptance.context import Bench, Finding, Step, Verdict
from kiosk.cli.acceptance.report import MARKS, NAMES, WATCHDOG, keep, load, paths
from kiosk.cli.acceptance.steps import STEPS
from kiosk.core import status as snapshot
from kiosk.core.ports import KioskError

LOOK_S = 0.2
RESET_WITHIN_S = 180.0
BOOT_ID = "/proc/sys/kernel/random/boot_id"
YES, NO, SKIP = ("y", "c"), ("n", "k"), ("s", "b")


class RealBench:
    """The device itself, and the owner at the terminal."""

    def __init__(self, settings: config.Settings) -> None:
        self.settings = settings
        self._vi = settings.site.language == "vi"

    def tell(self, vi: str, en: str) -> None:
        """Say what to do; nobody has to come back to the keyboard."""
        click.echo("\n" + (vi if self._vi else en))

    def ask(self, vi: str, en: str) -> bool | None:
        """Yes, no, or skipped."""
        choices = "[c]ó / [k]hông / [b]ỏ qua" if self._vi else "[y]es / [n]o / [s]kip"
        while True:
            said = str(click.prompt(f"\n{vi if self._vi else en}  {choices}", prompt_suffix=" ")).strip().lower()[:1]
            if said in YES + NO + SKIP:
                return None if said in SKIP else said in YES

    def status(self) -> Mapping[str, Any] | None:
        """The daemon's snapshot."""
        return snapshot.load(self.settings.run_dir)

    def until(self, condition: Callable[[], bool], timeout_s: float) -> float | None:
        """Look five times a second."""
        began_s, tick = time.monotonic(), threading.Event()
        while not condition():
            if time.monotonic() - began_s > timeout_s:
                return None
            tick.wait(LOOK_S)
        return time.monotonic() - began_s

    def read(self, path: str) -> str:
        """A small file; empty where there is none."""
        try:
            return Path(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def run(self, *command: str) -> str:
        """What it prints; empty where it fails."""
        try:
            return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout
        except (OSError, subprocess.TimeoutExpired):
            return ""


def walk(
    context: Bench, folder: Path, *, steps: Iterable[tuple[str, Step]] = STEPS, now: Callable[[], datetime] | None = None
) -> list[Finding]:
    """Go through the steps that are not met yet, keep the report after each, and return all findings.

    A step that was met in an earlier report of this folder is not asked again: an interrupted walk goes on.
    """
    clock = now or (lambda: datetime.now(UTC))
    earlier = load(folder, context.settings)
    found = {name: finding for name, finding in earlier.items() if finding.verdict is Verdict.MET}
    if WATCHDOG in earlier and WATCHDOG not in found:
        found[WATCHDOG] = _after_a_reset(context, earlier[WATCHDOG], clock())
    for name, step in steps:
        if name not in found:
            found[name] = step(context)
            _say(found[name], vietnamese=context.settings.site.language == "vi")
            keep(found.values(), folder, context.settings, clock())
    if found.get(WATCHDOG, Finding(WATCHDOG, Verdict.OPEN)).verdict is not Verdict.MET:
        found[WATCHDOG] = stop_the_kernel(
            context, lambda finding: keep([*_without(found), finding], folder, context.settings, clock()), clock()
        )
    keep(found.values(), folder, context.settings, clock())
    return list(found.values())


def _without(results: Mapping[str, Finding]) -> list[Finding]:
    return [finding for name, finding in results.items() if name != WATCHDOG]


def stop_the_kernel(context: Bench, save_result: Callable[[Finding], None], now_at: datetime) -> Finding:
    """A kernel that hangs is what the board's watchdog is for. Only where there is one, and only with the owner's yes."""
    if not context.read("/sys/class/watchdog/watchdog0/identity"):
        return Finding(WATCHDOG, Verdict.NOT_MET, "the board has no watchdog (dtparam=watchdog=on)")
    agreed = context.ask(
        "Bước cuối làm treo nhân hệ điều hành; trong nửa phút bo mạch phải tự khởi động lại, rồi hãy chạy lại lệnh này. Làm chứ?",
        "The last step hangs the kernel; within half a minute the board must reset itself. Then run this command again. Do it?",
    )
    if not agreed:
        return Finding(WATCHDOG, Verdict.OPEN)
    waiting = Finding(
        WATCHDOG, Verdict.OPEN, f"hung in boot {context.read(BOOT_ID).strip()} at {now_at.isoformat(timespec='seconds')}"
    )
    save_result(waiting)
    context.run("sync")
    # With panic=0 only the watchdog helps.
    context.run("sh", "-c", "echo 0 > /proc/sys/kernel/panic; echo c > /proc/sysrq-trigger")
    return waiting


def _after_a_reset(context: Bench, pending: Finding, now_at: datetime) -> Finding:
    """What the next run makes of a kernel that was hung: another boot means that the board has reset itself."""
    words = pending.value.split()
    if not pending.value.startswith("hung in boot ") or context.read(BOOT_ID).strip() == words[3]:
        return Finding(WATCHDOG, Verdict.OPEN)
    uptime_s = float((context.read("/proc/uptime").split() or ["0"])[0])
    away_s = (now_at - datetime.fromisoformat(words[5])).total_seconds() - uptime_s
    by_itself = context.ask(
        "Sau khi bị treo, bo mạch có tự khởi động lại mà không ai rút điện?",
        "After it hung, did the board reset itself, with nobody pulling the plug?",
    )
    verdict = Verdict.OPEN if by_itself is None else Verdict.MET if by_itself else Verdict.NOT_MET
    return Finding(
        WATCHDOG,
        verdict,
        f"reset {away_s:.0f} s after it hung" if 0 <= away_s < RESET_WITHIN_S else "reset; the clock was set meanwhile",
    )


def _say(result: Finding, *, vietnamese: bool) -> None:
    en, vi, colour = MARKS[result.verdict]
    names = NAMES[result.name]
    click.echo(
        click.style(f"{vi if vietnamese else en:<10}", fg=colour)
        + f"{names[0] if vietnamese else names[1]}: {result.value}"
    )


def accept(settings: config.Settings, folder: Path) -> int:
    """The command: walk, say where the report is. Exit status 0 where every step was met. Raises KioskError where no kiosk runs."""
    if snapshot.load(settings.run_dir) is None:
        raise KioskError(
            "The kiosk does not run here, so there is nothing to accept. Start it:  sudo systemctl start kiosk"
        )
    findings = walk(RealBench(settings), folder)
    open_ones = sum(finding.verdict is not Verdict.MET for finding in findings)
    for path in paths(folder, settings):
        click.echo(str(path))
    return 1 if open_ones else 0
