"""Crash points: one machine's writes are recorded, and every state in which a cut could have left its disk is opened and checked.

At each point the writes since the last flush are all lost, all there, or there sector by sector as chance has it. The strong
form is asked: every record that was acknowledged before the point is there, under its number, in a gapless row.
"""

import itertools
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.data.access_events import an_event
from tests.system.power import disk as power_disk
from tests.system.power import log as power_log
from tests.system.power import machine
from tests.system.power.log import Fate, Request
from tests.system.power.machine import FOLDER, Parts
from tests.system.power.recorder import LIVES, NEXT_RELEASE

RECORDED_WITHIN_S = 600.0


@dataclass(slots=True)
class Tally:
    """What came of all points."""

    points: int = 0
    requests: int = 0
    flushes: int = 0
    acknowledged: int = 0
    missing: int = 0
    """Acknowledged records that were not there, over all points."""
    problems: list[str] = field(default_factory=list)
    """Points at which a person would have been needed, in words."""
    stages: Counter[str] = field(default_factory=Counter)
    """How many points fell where."""
    fates: Counter[str] = field(default_factory=Counter)


def recorded(parts: Parts, *, honest: bool = True) -> tuple[Path, list[Request]]:
    """The disk as it was before, and all that the recorder's machine wrote to it."""
    disk, before, log = FOLDER / "recorded.img", FOLDER / "before.img", FOLDER / "recorded.log"
    machine.blank_disk(disk)
    power_disk.copied(disk, before)
    with machine.running(parts, disk, log, start="recorder", honest=honest) as guest:
        guest.console.wait("RECORDED", RECORDED_WITHIN_S)
        problems = machine.problems(guest.console.all())
        assert not problems, problems
    disk.unlink()
    requests = power_log.read(log)
    log.unlink()
    return before, requests


def replayed(before: Path, requests: Sequence[Request], points: int, chance: random.Random) -> Tally:
    """Check that many crash points, all of them where there are no more; `before` is used up."""
    tally = Tally(requests=len(requests), flushes=sum(request.flush for request in requests))
    marks = power_log.marks(requests)
    tally.acknowledged = sum(words.startswith("record") for _, words in marks)
    scratch = FOLDER / "crash.img"
    for number, (point, state) in enumerate(_states(before, requests, _chosen(len(requests), marks, points, chance))):
        fate = tuple(Fate)[number % len(Fate)]
        power_disk.copied(state, scratch)
        power_log.put(scratch, power_log.survivors(requests, point, fate, chance))
        acknowledged = [words for place, words in marks if place < point]
        where = f"point {point} of {len(requests)}, {fate}"
        tally.points += 1
        tally.fates[fate.value] += 1
        tally.stages[_stage(acknowledged)] += 1
        _judge(tally, scratch, acknowledged, where)
    scratch.unlink(missing_ok=True)
    before.unlink()
    return tally


def _chosen(requests: int, marks: Sequence[tuple[int, str]], points: int, chance: random.Random) -> list[int]:
    """That many points, spread over the stages by turns: a start is short, and as dangerous as a long day's work."""
    by_stage: dict[str, list[int]] = {}
    for point in range(1, requests + 1):
        by_stage.setdefault(_stage([words for place, words in marks if place < point]), []).append(point)
    for each in by_stage.values():
        chance.shuffle(each)
    turns = [point for turn in itertools.zip_longest(*by_stage.values()) for point in turn if point is not None]
    return sorted(turns[:points])


def _states(before: Path, requests: Sequence[Request], points: Sequence[int]) -> Iterator[tuple[int, Path]]:
    """The disk with all that was flushed before each point; points in rising order."""
    done = 0
    for point in points:
        power_log.put(before, power_log.flushed(requests, done, point))
        done = max(done, power_log.last_flush(requests, point))
        yield point, before


def _stage(acknowledged: Sequence[str]) -> str:
    """In which part of the recording a point lies."""
    closed = acknowledged.count("closed")
    if "migrated" in acknowledged:
        return "after the migration"
    if not acknowledged:
        return "first start"
    if acknowledged[-1] == "closed":
        return "migration" if closed == LIVES else "second start"
    return "recording, confirming, purging"


def _judge(tally: Tally, disk: Path, acknowledged: Sequence[str], where: str) -> None:
    newest = max((int(words.split()[1]) for words in acknowledged if words.startswith("record")), default=0)
    migrating = acknowledged.count("closed") == LIVES
    try:
        found = power_disk.look(disk, migrate=migrating)
    except power_disk.NEEDS_A_PERSON as needs:
        tally.problems.append(f"{where}: {needs}")
        tally.missing += newest
        return
    problem = found.problem()
    if not problem and "migrated" in acknowledged and found.schema != len(NEXT_RELEASE):
        problem = "the migration that was done is undone"
    if not problem and any(id_ != an_event(seq).id.bytes for seq, id_ in found.ids.items()):
        problem = "a record stands under another's number"
    if problem:
        tally.problems.append(f"{where}: {problem}")
    tally.missing += max(0, newest - found.last_seq)
