"""What a person types: `kiosk release`, `kiosk setup` and `kiosk firmware`. Each function returns an exit status."""

import argparse
import hashlib
import subprocess
import sys
import threading
import time

from kiosk.installer import gate_files
from kiosk.installer.errors import InstallError, print_line, print_message, state_label, terminal_translator
from kiosk.installer.layout import InstallLayout
from kiosk.installer.machine import boot_files
from kiosk.installer.progress import PROGRESS_INTERVAL_S, Progress
from kiosk.installer.releases import readiness, release, upgrade
from kiosk.installer.releases.readiness import Before
from kiosk.installer.releases.release import Dpkg
from kiosk.installer.settings import read_settings
from kiosk.installer.systemd import Systemctl, start_in_own_unit, switch_is_running
from kiosk.system import atomic_files

DONE, NOT_DONE, NOT_READY, NEITHER_WORKS = 0, 1, 3, 4
POLL_INTERVAL_S = 0.3
_tick = threading.Event()


def switch(version: str, layout: InstallLayout) -> int:
    """`kiosk release switch`: run it in a unit of its own and say how it ended."""
    if version not in Dpkg().versions():
        raise InstallError("release-missing", release=version)
    if release.linked_version(layout.current_link) == version:
        print_message("version-installed", version=version)
        return DONE
    if not Systemctl().is_running:
        upgrade.switch_release(version, layout, Systemctl(), lambda _: readiness.NOT_MONITORED)
        return DONE
    before = atomic_files.read_json(layout.last_upgrade_file)
    if not start_in_own_unit(["run-switch", version]):
        raise InstallError("already-running")
    wait_for_switch()
    return tell_outcome(version, before, layout)


def wait_for_switch() -> None:
    """Wait until the unit of a switch has ended."""
    began_s = told_s = time.monotonic()
    while switch_is_running():
        _tick.wait(POLL_INTERVAL_S)
        if time.monotonic() - told_s >= PROGRESS_INTERVAL_S:
            told_s = time.monotonic()
            print_message("switching", seconds=f"{told_s - began_s:.0f}")


def wait_for_version(version: str, since: str, layout: InstallLayout) -> int:
    """`kiosk release wait`: wait for the switch that dpkg began, and try again what an earlier run left.

    `since`: SHA-1 of the outcome of the last switch before, empty if there was none.
    """
    wait_for_switch()
    path = layout.last_upgrade_file
    now = hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest() if path.is_file() else ""
    if not Systemctl().is_running or release.linked_version(layout.current_link) == version:
        print_message("version-installed", version=version)
        return DONE
    return switch(version, layout) if now == since else tell_outcome(version, None, layout)


def tell_outcome(version: str, before: object, layout: InstallLayout) -> int:
    """Say how a switch ended, by what is on the disk."""
    outcome = atomic_files.read_json(layout.last_upgrade_file)
    reason = str(outcome["reason"]) if outcome and outcome != before else "it was interrupted"
    if upgrade.is_committed(version, layout):
        print_message("done", reason=reason)
        return DONE
    runs = release.linked_version(layout.current_link)
    if outcome and outcome["outcome"] == "neither-works":
        print_message("upgrade-failed-twice", reason=reason, release=runs)
        return NEITHER_WORKS
    print_message("upgrade-failed", reason=reason, release=runs)
    return NOT_DONE


def version_to_return_to(layout: InstallLayout) -> str | None:
    """The release before this one, or the last one that was good for a day."""
    current = release.linked_version(layout.current_link)
    candidates = (release.linked_version(layout.previous_link), release.read_history(layout)["good"])
    return next((version for version in candidates if version and version != current), None)


def return_to_previous(layout: InstallLayout) -> int:
    """`kiosk release return`."""
    previous = version_to_return_to(layout)
    if previous is None:
        raise InstallError("no-previous-version")
    return switch(previous, layout)


def acknowledge_notice(layout: InstallLayout) -> int:
    """`kiosk release acknowledge`: status, pages and centre no longer show the release that was taken back."""
    atomic_files.remove_file(layout.notice_file)
    return DONE


def list_releases(layout: InstallLayout) -> int:
    """`kiosk release list`: one line for each release."""
    for line in release_lines(Dpkg().versions(), layout):
        print(line)  # noqa: T201  output of a command
    return DONE


def release_lines(versions: set[str], layout: InstallLayout) -> list[str]:
    """What is known of each version, in the language of the terminal."""
    t, history = terminal_translator(), release.read_history(layout)
    current, previous = release.linked_version(layout.current_link), release.linked_version(layout.previous_link)
    on_trial = atomic_files.read_json(layout.trial_file) or {}
    lines = []
    for version in sorted(versions):
        marks = []
        if version == current:
            remaining_min = (read_settings(layout).trial_s - on_trial.get("elapsed_s", 0.0)) / 60
            trying = on_trial.get("release") == version and not on_trial.get("good")
            running = (
                t("installer.list-trial", minutes=f"{remaining_min:.0f}") if trying else t("installer.list-running")
            )
            marks.append(running)
        marks += [t("installer.list-previous")] if version == previous else []
        marks += [t("installer.list-good")] if version == history["good"] else []
        if version in history["rejected"]:
            marks.append(t("installer.list-rejected", reason=history["rejected"][version]))
        lines.append(f"{version}  {', '.join(marks)}".rstrip())
    return lines


def set_up(options: argparse.Namespace, layout: InstallLayout) -> int:
    """`kiosk setup`: take the files of the gate, write the configuration, start, and wait until it is ready."""
    example = layout.current_link / "kiosk.example.toml"
    answers: list[gate_files.KeyFileAnswer] = []
    layout.config_dir.mkdir(parents=True, exist_ok=True)
    if options.credentials_dir:
        answers = gate_files.take_files(layout, options.credentials_dir, renew=options.renew)
    gate_files.require_same_names(layout, options.site, options.gate)
    if not layout.config_file.exists() and not example.is_file():
        raise InstallError("no-release")
    ask = _refuse_prompt if options.yes else ask_on_terminal
    if options.enrol:
        written = gate_files.write_unnamed_config(layout, example)
    else:
        written = gate_files.write_config(layout, example, {"site": options.site, "gate": options.gate}, ask)
    if written and options.credentials_dir:  # its names make more files known
        answers = gate_files.take_files(layout, options.credentials_dir, renew=options.renew)
    gate_files.make_pseudonym_key(layout)
    subprocess.run(["systemd-tmpfiles", "--create", "entrance-kiosk.conf"], check=False)
    gate_files.set_group_access(layout)
    for answer in answers:
        print_line(f"  {answer.name:<32} {terminal_translator()(f'installer.file-{answer.fate}')}")
    if any(answer.fate is gate_files.Fate.KEPT for answer in answers):
        print_message("files-kept")
    write_firmware(layout)
    return _start_and_wait(options, layout)


def _start_and_wait(options: argparse.Namespace, layout: InstallLayout) -> int:
    systemd = Systemctl()
    if systemd.is_running:
        wait_for_switch()
    if not release.accepts_configuration(layout.current_link, layout):
        print_message("configuration-incomplete")
        return NOT_READY
    if options.no_start or not systemd.is_running:
        return DONE
    wanted = sorted(systemd.enabled() - systemd.running())
    if not systemd.enabled() | systemd.running():
        return DONE
    systemd.start(wanted)
    if wanted:
        print_message("starting")
    before = Before(well=frozenset(systemd.enabled()))
    timeout_s = options.ready_timeout
    result = readiness.wait_until_ready(layout, systemd, before, timeout_s=timeout_s, report=Progress())
    if result.is_ready:
        print_message("ready", state=state_label(result.state), seconds=f"{result.seconds:.1f}")
        subprocess.run([layout.current_link / "venv/bin/kiosk", "status"], check=False)  # with the address of the pages
        return DONE
    print_message("not-ready", state=state_label(result.state))
    return NOT_READY


def _refuse_prompt(name: str) -> str:
    raise InstallError("name-missing", name=name)


def ask_on_terminal(name: str) -> str:
    """Ask until the name is allowed. Raises InstallError if there is no terminal or it was closed."""
    if not sys.stdin.isatty():
        raise InstallError("name-missing-no-terminal", name=name)
    while True:
        print_message(f"ask-{name}")
        line = sys.stdin.readline()
        if not line:
            raise InstallError("name-missing", name=name)
        if gate_files.NAME_PATTERN.fullmatch(line.strip()):
            return line.strip()
        print_message("name-not-allowed", name=name)


def write_firmware(layout: InstallLayout, *, remove: bool = False, is_pi: bool = False) -> int:
    """`kiosk firmware`: our part of the firmware's files on a Raspberry Pi. Elsewhere nothing.

    `is_pi`: the card of a Raspberry Pi, prepared on another machine.
    """
    if not (is_pi or boot_files.is_raspberry_pi(layout)) or not (layout.appliance_dir / "boot").is_dir():
        return DONE
    if remove:
        boot_files.remove_boot_files(layout)
    elif boot_files.write_boot_files(layout, lambda: release.accepts_configuration(layout.current_link, layout)):
        print_message("firmware-changed")
    return DONE
