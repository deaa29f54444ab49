"""`kiosk os-updates`: security updates of the operating system, installed while the gate is closed. docs/decisions/0045."""

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from kiosk import config
from kiosk.core.model import ClockQuality
from kiosk.core.ports import KioskError
from kiosk.core.rules import OpeningHours
from kiosk.health.os_updates import RESTART_MARK, STATE_FILE, OsUpdates, read_os_updates
from kiosk.health.release_notice import PROGRAM_DIR, ReleaseNotices
from kiosk.system import atomic_files
from kiosk.system.clock import SystemClock

NIGHT = OpeningHours.parse("mon-sun 02:00-05:00")
"""When a site without opening hours is left alone, local time."""
QUIET_FOR = timedelta(hours=3)
"""A site with opening hours must stay closed for so long: a slow board needs an hour for a large update, and restarts."""
LOOK_STEP = timedelta(minutes=15)
LOCK_TIMEOUT_S = 300
"""How long to wait for another program that installs."""
UNITS = ("kiosk.service", "kiosk-web.service")
UPDATES_FIELD = "Entrance-Security-Updates"
"""Field of the signed index, as in kiosk/installer/bundle/repository.py."""
RESTART_SETTING = "EntranceKiosk::OsUpdates::Restart"
"""In /etc/apt/apt.conf.d/52entrance-kiosk: whether the board may restart by itself."""
MAX_ERROR_CHARS = 200
_SECURITY_UPDATE = re.compile(
    r"^Inst (?!entrance-)\S+ \[.*\((?:\S+ )(?:.*-Security:|.*\bentrance-kiosk:)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that ended."""

    status: int
    output: str
    """Standard output and standard error."""


Run = Callable[[Sequence[str]], Finished]


def run_program(command: Sequence[str]) -> Finished:
    """Run a program to its end. A program that is missing has status 127."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            command, env=environment, check=False, text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )  # fmt: skip
    except OSError as error:
        return Finished(127, f"{command[0]}: {error.strerror}")
    return Finished(done.returncode, done.stdout)


@dataclass(frozen=True, slots=True)
class Machine:
    """What the updates touch. Tests set another one."""

    run: Run = run_program
    state_file: Path = STATE_FILE
    restart_mark: Path = RESTART_MARK
    package_status: Path = Path("/var/lib/dpkg/status")
    packages: Path = Path("/var/lib/entrance-kiosk-packages")
    """The folder that came on a stick."""


@click.command("os-updates")
@click.option(
    "--config", "path", type=click.Path(path_type=Path), default=config.DEFAULT_PATH, help="Configuration file."
)
@click.option("--install", "wanted", is_flag=True, help="Install them now, if the gate is closed. For the timer.")
@click.option(
    "--now", is_flag=True, help="With --install: also while the gate is open. The board is not restarted, only named."
)
def os_updates(path: Path, *, wanted: bool, now: bool) -> None:
    """Show the state of the operating system's security updates, or install them.

    A timer installs them outside of the opening hours of `access.opening_hours`, at the earliest three hours before the next
    opening. A site without opening hours is left alone except from 02:00 to 05:00. The board restarts if an update needs it.
    """
    settings = config.load_settings(path)
    if not wanted:
        click.echo(state_text(read_os_updates()))
        return
    if os.geteuid() != 0:
        raise KioskError("this needs root. Type: sudo kiosk os-updates --install")
    hours = tuple(OpeningHours.parse(text) for text in settings.access.opening_hours)
    reading = SystemClock().now()
    local = reading.utc_at.astimezone(ZoneInfo(settings.site.timezone))
    if reason := None if now else reason_to_wait(local, hours, clock_is_set=reading.quality is not ClockQuality.UNSET):
        click.echo(reason)
        return
    if ReleaseNotices(PROGRAM_DIR, path).read().trial_remaining_s is not None:
        click.echo("A new release is on trial. Updates of the system wait until it is good.")
        return
    install_updates(Machine(), click.echo, may_restart=not now)


def is_quiet(local: datetime, hours: Sequence[OpeningHours]) -> bool:
    """Whether the gate is closed now and for the next QUIET_FOR. Pure."""
    if not hours:
        return NIGHT.contains(local)
    moments = [local + LOOK_STEP * step for step in range(int(QUIET_FOR / LOOK_STEP) + 1)]
    return not any(each.contains(moment) for each in hours for moment in moments)


def reason_to_wait(local: datetime, hours: Sequence[OpeningHours], *, clock_is_set: bool) -> str | None:
    """Why nothing may be installed at this moment, or None. Pure."""
    if not clock_is_set:
        return "The clock is not set, so the opening hours cannot be kept. Nothing is installed."
    if is_quiet(local, hours):
        return None
    return "The gate is open, or opens soon. Updates wait."


def install_updates(machine: Machine, say: Callable[[str], object], *, may_restart: bool = True) -> None:
    """Fetch the lists, install security updates, note the state, and restart what uses the old files.

    `may_restart`: the whole board, where it has to.
    """
    run, before = machine.run, _changed_ns(machine.package_status)
    run(["dpkg", "--configure", "-a"])  # after a power cut
    apt = ["apt-get", "-qq", "-o", f"DPkg::Lock::Timeout={LOCK_TIMEOUT_S}"]
    fetched = run([*apt, "-o", "APT::Update::Error-Mode=any", "update"])
    if fetched.status:
        say(f"The lists of packages could not all be fetched: {_last_line(fetched.output)}")
    installed = run(["unattended-upgrade"])
    error = _last_line(installed.output) or f"status {installed.status}" if installed.status else ""
    pending = len(_SECURITY_UPDATE.findall(run([*apt, "-s", "upgrade"]).output))
    known = atomic_files.read_json(machine.state_file) or {}
    succeeded_at_s = 0.0 if error else date_of_stick(machine.packages) if fetched.status else time.time()
    newest = max(succeeded_at_s, known.get("succeeded_at_s", 0.0))
    state = {
        **known,
        **({"succeeded_at_s": newest} if newest else {}),
        "pending": pending,
        "error": error[:MAX_ERROR_CHARS],
        "tried_at_s": time.time(),
    }
    atomic_files.write_json(machine.state_file, state)
    say(state_text(read_os_updates(machine.state_file, machine.restart_mark)))
    needs_restart = machine.restart_mark.exists()
    if needs_restart and may_restart and _may_restart(run):
        say("The board restarts, because an update needs it.")
        run(["systemctl", "reboot"])
        return
    if needs_restart and not may_restart:
        say("The board has to restart when the gate is closed. Type then: sudo systemctl reboot")
    if _changed_ns(machine.package_status) != before:
        run(["systemctl", "try-restart", *UNITS])


def date_of_stick(packages: Path) -> float:
    """Up to when the stick knew Debian's security updates: the date of its signed index. 0 if it has none, and on any error."""
    for index in packages.glob("dists/*/InRelease"):
        text = index.read_text(encoding="utf-8", errors="replace")
        fields = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
        if fields.get(UPDATES_FIELD) == "yes":
            with contextlib.suppress(ValueError, TypeError):
                return parsedate_to_datetime(fields.get("Date", "")).timestamp()
    return 0.0


def state_text(updates: OsUpdates) -> str:
    """One line."""
    if updates.succeeded_at_s is None and not updates.error:
        return "security updates of the operating system are not configured here"
    at = (
        datetime.fromtimestamp(updates.succeeded_at_s).astimezone().isoformat(" ", "minutes")
        if updates.succeeded_at_s
        else "never"
    )
    parts = [f"last success {at}", f"{updates.pending} security updates wait"]
    parts += ["a restart of the board is needed"] if updates.restart_needed else []
    parts += [f"the last attempt failed: {updates.error}"] if updates.error else []
    return "; ".join(parts)


def _may_restart(run: Run) -> bool:
    answer = run(["apt-config", "shell", "restart", f"{RESTART_SETTING}/b"])
    return "restart='false'" not in answer.output


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _changed_ns(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0
