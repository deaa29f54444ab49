"""`make test-power`: power cuts on an emulated machine, and the crash points of a recorded run.

Each line is a promise; exit status 0 where all are kept. Two controls show that the rig can fail: the same machine with fsync
turned into nothing must lose greens. Not covered: the card's own controller, which may lie about a flush (docs/testing/power-cuts.md).
"""

import argparse
import logging
import platform
import random
import secrets
import sys
import time
from collections.abc import Sequence

from tests.fakes.processes.broker import Broker
from tests.system.arm import root
from tests.system.emulator import qemu
from tests.system.power import cuts as power_cuts
from tests.system.power import disk, machine
from tests.system.power import points as power_points
from tests.system.power.centre import centre
from tests.system.power.cuts import Cut, Series
from tests.system.power.machine import FOLDER, Parts
from tests.system.power.points import Tally

CONTROL_POINTS = 20


class Promises:
    """Printed one a line, as they are judged."""

    def __init__(self) -> None:
        self.broken = 0

    def judge(self, promise: str, said: str, *, kept: bool) -> None:
        """Print a promise with what was found."""
        self.broken += not kept
        print(f"{'ok ' if kept else 'BAD'} {promise}: {said}", flush=True)


def main() -> int:
    """Exit status 0 where every promise was kept, 77 where this machine cannot tell."""
    options = _options()
    lack = root.wanting(machine.TOOLS) or disk.cannot()
    if lack:
        print(f"test-power: {lack}", file=sys.stderr)
        return root.CANNOT
    logging.getLogger("kiosk").addHandler(logging.NullHandler())  # what the store says of damage is judged here
    chance = random.Random(options.seed)
    print(f"test-power: seed {options.seed}, on {platform.platform()}", flush=True)
    promises = Promises()
    began_s = time.monotonic()
    with Broker(log_type="error") as broker:
        parts = machine.furnished(broker.port)
        _said(began_s, "set up")
        if options.cuts:
            judge_cuts(promises, parts, broker, options.cuts, chance)
            _said(began_s, "cut")
    if options.cuts:
        judge_control_cut(promises, parts, chance)
    if options.points:
        judge_points(promises, parts, options.points, chance)
        _said(began_s, "replayed")
    return 1 if promises.broken else 0


def judge_cuts(promises: Promises, parts: Parts, broker: Broker, cuts: int, chance: random.Random) -> None:
    """One device's life with that many cuts, delivering to a centre meanwhile and at the end."""
    with centre(broker, FOLDER) as ledger:
        series = Series(parts, chance)
        try:
            for _ in range(cuts):
                print(f"    {_told(series.cut())}", flush=True)
            found = series.deliver_the_rest(ledger)
        except qemu.EmulatorError as error:
            promises.judge("after a cut the machine comes back by itself", str(error), kept=False)
            return
        done = series.cuts
        said = f"{_lost(done)}, in {len(done)} cuts"
        kept = not any(cut.greens_lost or cut.records_lost for cut in done) and any(cut.greens for cut in done)
        promises.judge("no green is without its record", said, kept=kept)
        problems = [f"cut {cut.number}: {problem}" for cut in done for problem in cut.problems]
        lives = power_cuts.lives(done)
        needed = "; ".join(problems) or f"0 of {len(done)} starts; {lives} epoch"
        promises.judge(
            "no database needs a person, and its numbers have no gap", needed, kept=not problems and lives == 1
        )
        said = "; ".join(series.problems[:5]) or f"0 of {series.points} looked at"
        promises.judge("nor would it after a cut at another moment of these lives", said, kept=not series.problems)
        differs = ledger.problem(found)
        said = (
            differs or f"{found.count} passages, 0 missing, 0 doubled; {ledger.sent_again()} came twice and were known"
        )
        promises.judge("the centre ends complete", said, kept=not differs and found.count > 0)


def _told(cut: Cut) -> str:
    return (
        f"cut {cut.number} during {cut.during} after {cut.on_s:.1f} s, unflushed writes {cut.fate}: "
        f"{cut.greens} greens seen, records up to {cut.found.last_seq}"
    )


def judge_control_cut(promises: Promises, parts: Parts, chance: random.Random) -> None:
    """The same machine without fsync: the rig sees what is lost."""
    cut = Series(parts, chance, FOLDER / "control.img").cut(honest=False)
    promises.judge("control: with fsync turned into nothing, a cut is noticed", _lost([cut]), kept=cut.greens_lost > 0)


def _lost(cuts: Sequence[Cut]) -> str:
    lost, greens = sum(cut.greens_lost for cut in cuts), sum(cut.greens for cut in cuts)
    return f"lost {lost} of {greens} greens seen outside, and {sum(cut.records_lost for cut in cuts)} records that its log spoke of"


def judge_points(promises: Promises, parts: Parts, points: int, chance: random.Random) -> None:
    """That many crash points of one recording, then a few of one without fsync."""
    tally = power_points.replayed(*power_points.recorded(parts), points, chance)
    print(f"    {_stages(tally)}", flush=True)
    said = (
        f"{tally.missing} missing at {tally.points} crash points of {tally.requests} writes ({tally.flushes} flushes)"
    )
    kept = not tally.missing and tally.acknowledged > 0
    promises.judge("every acknowledged record is there at every crash point", said, kept=kept)
    said = "; ".join(tally.problems[:5]) or f"0 of {tally.points}"
    promises.judge("no crash point needs a person", said, kept=not tally.problems)
    control = power_points.replayed(*power_points.recorded(parts, honest=False), CONTROL_POINTS, chance)
    said = f"{control.missing} acknowledged records missing at {control.points} crash points"
    promises.judge("control: without fsync, crash points are noticed", said, kept=control.missing > 0)


def _stages(tally: Tally) -> str:
    spread = [f"{count} in {stage}" for stage, count in tally.stages.items()]
    fates = [f"{count} with unflushed writes {fate}" for fate, count in tally.fates.items()]
    return f"crash points: {', '.join(spread)}; {', '.join(fates)}"


def _said(began_s: float, what: str) -> None:
    print(f"    {what} after {time.monotonic() - began_s:.0f} s", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make test-power", description=__doc__)
    parser.add_argument("--cuts", type=int, default=5, help="power cuts of the running machine; 0: none")
    parser.add_argument("--points", type=int, default=100, help="crash points of the recorded run; 0: none")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="repeats a run")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
