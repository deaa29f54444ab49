"""Power cuts: the machine is killed while codes are shown, its disk loses what it was not asked to flush, and it starts again.

What is seen from outside: the pulses of the door's relay, energised together with the green lamp, on the machine's pins.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.system.power import disk as power_disk
from tests.system.power import log as power_log
from tests.system.power import machine
from tests.system.power.centre import Centre
from tests.system.power.disk import Found
from tests.system.power.log import Fate, Request
from tests.system.power.machine import FOLDER, PINS, Parts

STARTED_WITHIN_S = 600.0
DELIVERED_WITHIN_S = 360.0
POINTS_AROUND = 10
WORK_S = (0.3, 8.0)
"""How long after the first record the power goes."""
START_S = (0.0, 14.0)
"""How long after the data disk was mounted, where it is to go during the start."""
RECORD = re.compile(r"kiosk\.app\.gate_worker: .*\b(?:record|event) (\d+),")


@dataclass(frozen=True, slots=True)
class Cut:
    """One cut, and what was found after it."""

    number: int
    during: str
    fate: Fate
    on_s: float
    """How long the machine was on."""
    greens: int
    """Pulses of the relay that were seen from outside."""
    logged: int
    """The newest record that the log spoke of, on the serial line; 0 where none."""
    found: Found
    boot_id: str
    problems: tuple[str, ...] = ()

    @property
    def greens_lost(self) -> int:
        """Greens seen that have no record."""
        return max(0, self.greens - self.found.passes.get(self.boot_id, 0))

    @property
    def records_lost(self) -> int:
        """Records that the log spoke of and that are not there."""
        return max(0, self.logged - self.found.last_seq)


@dataclass(slots=True)
class Series:
    """A device's life with many cuts, on one disk."""

    parts: Parts
    chance: random.Random
    disk: Path = FOLDER / "data.img"
    cuts: list[Cut] = field(default_factory=list)
    points: int = 0
    """Other moments at which the power might have gone, and that were looked at as well."""
    problems: list[str] = field(default_factory=list)
    """What was wrong at these."""
    _safe_seq: int = 0

    def __post_init__(self) -> None:
        machine.blank_disk(self.disk)

    def cut(self, *, honest: bool = True) -> Cut:
        """Switch on, let people pass, cut; the disk is then what the cut left of it."""
        number = len(self.cuts) + 1
        starting = honest and number % 4 == 0
        fate = self.chance.choice(tuple(Fate))
        before = power_disk.copied(self.disk, FOLDER / "before-cut.img")
        log = FOLDER / "cut.log"
        with machine.running(self.parts, self.disk, log, start="crowd", honest=honest) as guest:
            mounted = guest.console.wait("MOUNTED", STARTED_WITHIN_S)
            if not starting:
                guest.console.wait(RECORD.pattern, STARTED_WITHIN_S)
            machine.let_run(guest, self.chance.uniform(*(START_S if starting else WORK_S)))
            guest.kill()
            lines, edges = guest.console.all(), guest.pins.edges.all()
        requests = power_log.read(log)
        log.unlink()
        self._look_around(before, requests)
        self._lose(before, requests, fate)
        found, problem = seen_after(self.disk)
        self._safe_seq = found.last_seq
        done = Cut(
            number=number,
            during="start" if starting else "work",
            fate=fate,
            on_s=lines[-1].at_s - guest.on_at_s,
            greens=sum(edge.line == PINS["relay"] and edge.high for edge in edges),
            logged=max((int(match[1]) for line in lines if (match := RECORD.search(line.text))), default=0),
            found=found,
            boot_id=mounted.text.split()[1],
            problems=(*machine.problems(lines), *([problem] if problem else [])),
        )
        self.cuts.append(done)
        return done

    def _look_around(self, before: Path, requests: Sequence[Request]) -> None:
        """What other cuts of this life of the machine would have left: nothing of its earlier lives is gone."""
        for point in self.chance.sample(range(len(requests) + 1), min(POINTS_AROUND, len(requests))):
            crashed = power_disk.copied(before, FOLDER / "crash.img")
            fate = self.chance.choice(tuple(Fate))
            power_log.put(crashed, power_log.flushed(requests, 0, point))
            power_log.put(crashed, power_log.survivors(requests, point, fate, self.chance))
            found, problem = seen_after(crashed)
            if found.last_seq < self._safe_seq:
                problem = f"{problem} {self._safe_seq - found.last_seq} records of its earlier lives are gone"
            if problem:
                self.problems.append(f"life {len(self.cuts) + 1}, write {point}, {fate}: {problem}")
            self.points += 1

    def _lose(self, before: Path, requests: Sequence[Request], fate: Fate) -> None:
        """The disk after the cut: what was flushed, and what fate left of the rest."""
        power_log.put(before, power_log.flushed(requests, 0, len(requests)))
        power_log.put(before, power_log.survivors(requests, len(requests), fate, self.chance))
        before.replace(self.disk)

    def deliver_the_rest(self, centre: Centre) -> Found:
        """Start a last time, without people, until the centre has what the disk has. Raises qemu.EmulatorError."""
        due = seen_after(self.disk)[0].count
        with machine.running(self.parts, self.disk, FOLDER / "cut.log", start="empty") as guest:
            guest.console.wait("MOUNTED", STARTED_WITHIN_S)
            centre.await_events(due, DELIVERED_WITHIN_S)
        return seen_after(self.disk)[0]


def lives(cuts: Sequence[Cut]) -> int:
    """How many databases there were; with more than one, a person would have to search for the records of the first."""
    return len({cut.found.epoch for cut in cuts if cut.found.there})


def seen_after(disk: Path) -> tuple[Found, str]:
    """What a person would find on the disk, or why they would be needed."""
    try:
        copy = power_disk.copied(disk, FOLDER / "look.img")
        found = power_disk.look(copy, lists=machine.lists())
    except power_disk.NEEDS_A_PERSON as error:
        return Found(), str(error)
    return found, found.problem()
