"""The power goes at a random moment of an upgrade, again and again."""

import enum
import os
import subprocess
import time
from dataclasses import dataclass

from tests.system.install.device import PROGRAM, Device, version

SWITCH_S = 13.0
"""From the journal to the end: two seconds for stop and start, then the new version must stay ready for ten."""


class CutMoment(enum.StrEnum):
    """Where in an upgrade the power went."""

    MAKING = "while the packages were installed"
    SWITCHING = "in the middle of the switch"
    AFTER = "after the new one was in force"


@dataclass(frozen=True, slots=True)
class Begun:
    """An upgrade that was cut."""

    runs: str
    """The version before it."""
    to: str
    moment_s: float


def power_cut(device: Device) -> str:
    """Cut at a random moment of an upgrade: of all of it, or of its switch alone. The disk says which version must run then."""
    while (cut := _begun_and_cut(device)) is None:
        device.nothing_is_lost()
    where = _where_it_was_cut(device, cut.to)
    device.cuts[where] += 1
    device.container.boot()
    expected = cut.to if where is CutMoment.AFTER else cut.runs
    assert device.serves() == expected, f"cut {where}, {expected} must run"
    assert device.release() == expected
    records = device.nothing_is_lost()
    device.journal_is_gone()
    return f"{cut.moment_s:.1f} s on, {where} ({cut.runs} to {cut.to}): {expected} runs, {records['last']} records"


def _begun_and_cut(device: Device) -> Begun | None:
    """Begin an upgrade and let the power go before it ends; None where it was done before the moment had come."""
    runs = device.status()["version"]
    to = "first" if runs == version("better") else "better"
    whole = device.chance.random() < 0.5
    if whole:  # with the installation of its package, which takes most of the time; else it lies there already
        device.container.run("apt-get", "-qq", "-y", "purge", f"entrance-kiosk-{version(to)}", check=False)
        device.container.run("sync")
    upgrade, began_s = device.container.begin(*device.installing(to)), time.monotonic()
    if not whole:
        device.switch_begins()
    moment_s = device.chance.uniform(0.0, SWITCH_S + (device.making_s if whole else 0.0))
    try:
        upgrade.wait(moment_s)
    except subprocess.TimeoutExpired:
        device.note_what_was_acknowledged()
        device.container.cut()
        upgrade.communicate(timeout=30)
        return Begun(runs, version(to), moment_s)
    said, _ = upgrade.communicate(timeout=30)
    assert upgrade.returncode == 0, said
    assert device.serves() == version(to)
    if whole:
        device.making_s = max(time.monotonic() - began_s - SWITCH_S, 1.0)
    return None


def _where_it_was_cut(device: Device, to: str) -> CutMoment:
    """What the disk says before anything runs on it again."""
    program = device.container.root / PROGRAM.lstrip("/")
    if (program / "upgrade.json").exists():
        return CutMoment.SWITCHING
    new = os.readlink(program / "current") == f"releases/{to}"  # noqa: PTH115  as text, as it stands there
    return CutMoment.AFTER if new else CutMoment.MAKING
