"""The fault laboratory: the whole daemon, broker and centre as processes, hit in random order; afterwards everything must be there.

`python -m tests.faults.run --seeds 5 [--first 1] [--passages 6000] [--per-s 1200]`. Prints a JSON line per seed; any seed replays.
The broker runs at its defaults. Exit status 1 where anything was lost, doubled or left a gap.
"""

import argparse
import json
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from signal import SIGKILL, SIGTERM

from mqtt.centre.ingest.sqlite_ledger import read_counts
from tests.faults.driven_daemon import CUTTING, REFUSED_BYTES
from tests.faults.environment import Laboratory
from tests.faults.network_proxy import Mood

PATIENCE_S = 600.0
"""A busy machine starts a process in a minute."""
DOUBLED_PER_FAULT = 1000 + 100 + 50
"""On the wire, at most: the window, its reserve for live passages, one batch."""


@dataclass
class Verdict:
    """What one seed came to."""

    seed: int
    version: str = ""
    disk: str = ""
    promised: int = 0
    """Records of which somebody got a light, or the driver an answer."""
    lights: int = 0
    """Of these: lights of the lamps, for people in front of the camera."""
    recorded: int = 0
    """Rows on the device; may exceed `promised` by what was committed in the moment of a kill."""
    at_centre: int = 0
    lost: int = 0
    doubled: int = 0
    doubled_on_the_wire: int = 0
    missing: int = 0
    """Gaps at the centre."""
    unrecorded: int = 0
    """Lights without a record, or with one of another outcome."""
    seq_gaps: int = 0
    quarantined: int = 0
    innocent: int = 0
    """In quarantine, and nothing is wrong with them."""
    seconds: float = 0.0
    faults: dict[str, int] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Nothing lost, nothing doubled, no gap but what is in quarantine, no light without a record."""
        wrong = (self.lost, self.doubled, self.unrecorded, self.seq_gaps, self.innocent)
        calm = self.doubled_on_the_wire <= DOUBLED_PER_FAULT * sum(self.faults.values())
        return not any(wrong) and calm and self.missing == self.quarantined and self.promised > 0


def all_faults(lab: Laboratory) -> dict[str, Callable[[], None]]:
    """Everything that can be done to it."""
    return {
        "kill device": lambda: lab.hit_device(SIGKILL),
        "kill centre": lambda: lab.hit_centre(SIGKILL),
        "kill broker": lambda: lab.hit_broker(SIGKILL),
        "term device": lambda: lab.hit_device(SIGTERM),
        "term centre": lambda: lab.hit_centre(SIGTERM),
        "term broker": lambda: lab.hit_broker(SIGTERM),
        "network cut": lambda: lab.hit_network(Mood.CUT),
        "slow network": lambda: lab.hit_network(Mood.SLOW),
        "half-open": lambda: lab.hit_network(Mood.HALF_OPEN),
        "no CONNACK": lab.no_connack,
        "disk full": lab.disk_full,
        "disk read-only": lab.disk_read_only,
        "clock jump": lab.clock_jump,
        "receipts doubled, reordered": lab.old_receipts,
        "record refused": lambda: lab.tell_device("refused"),
        "record cuts": lambda: lab.tell_device("cutting"),
    }


def run(seed: int, passages: int, per_s: int, faults: int) -> Verdict:
    """One seed: `faults` hits while `passages` are committed, then peace until the outbox is empty, then the count."""
    started = time.monotonic()
    with ExitStack() as stack:
        lab = Laboratory(stack, seed, per_s)
        _until(lambda: bool(lab.promised()), lab)
        injections = all_faults(lab)
        plan = lab.dice.sample(list(injections), k=len(injections))
        plan = (plan + lab.dice.choices(plan, k=max(0, faults - len(plan))))[:faults]
        for name in plan:
            lab.wait(lab.dice.uniform(0.1, max(0.2, passages / per_s / faults)))
            lab.faults[name] += 1
            injections[name]()
        lab.tell_device("refused", "cutting")  # those of before may have died with a device
        enough = max(passages, len(lab.promised()) + per_s)
        _until(lambda: len(lab.promised()) >= enough, lab)
        lab.tell_device("clock 0", "pause")
        lab.unplug_camera()
        _until(lambda: lab.waiting() == 0, lab)
        lab.stop()
        verdict = _count(lab, seed)
        verdict.seconds = round(time.monotonic() - started, 1)
        if not verdict.good:
            print(f"seed {seed}: what is left of it is in {lab.keep()}", file=sys.stderr)
        return verdict


def _until(done: Callable[[], bool], lab: Laboratory) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not done():
        if time.monotonic() > ends:
            raise AssertionError(
                f"it does not come to an end; what is left of it is in {lab.keep()}\n{lab.last_words()}"
            )
        lab.wait(0.1)


def _count(lab: Laboratory, seed: int) -> Verdict:
    with lab.look_into(lab.records) as device:
        rows = {bytes(row[0]): row for row in device.execute("SELECT id, seq, outcome FROM event")}
        aside = {
            bytes(row[0]): bytes(row[1]) == CUTTING or int(row[2]) == REFUSED_BYTES
            for row in device.execute("SELECT id, pseudonym, code_bytes FROM event JOIN quarantine USING (seq)")
        }
    with lab.look_into(lab.centre_database) as centre:
        there = Counter(bytes(row[0]) for row in centre.execute("SELECT id FROM event"))
    promised, lights = lab.promised(), lab.lights()
    outcomes = {int(row[1]): str(row[2]) for row in rows.values()}
    broken = [id_ for id_, seq in promised.items() if id_ not in rows or rows[id_][1] != seq]
    counts = read_counts(lab.centre_database)
    return Verdict(
        seed=seed,
        version=lab.version,
        disk=lab.disk.kind,
        promised=len(promised) + len(lights),
        lights=len(lights),
        recorded=len(rows),
        at_centre=len(there),
        lost=len(set(rows) - set(there) - set(aside)) + len(broken),
        doubled=sum(there.values()) - len(there),
        doubled_on_the_wire=counts.duplicates,
        missing=counts.missing,
        unrecorded=sum(outcomes.get(seq) != outcome for seq, outcome in lights),
        seq_gaps=max(outcomes, default=0) - len(outcomes),
        quarantined=len(aside),
        innocent=sum(not guilty for guilty in aside.values()),
        faults=dict(lab.faults),
    )


def main() -> int:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--passages", type=int, default=6000)
    parser.add_argument("--per-s", type=int, default=1200)
    parser.add_argument("--faults", type=int, default=20)
    wanted = parser.parse_args()
    good = True
    for seed in range(wanted.first, wanted.first + wanted.seeds):
        try:
            verdict = run(seed, wanted.passages, wanted.per_s, wanted.faults)
        except (AssertionError, sqlite3.Error) as error:
            print(json.dumps({"seed": seed, "trouble": str(error)}), flush=True)
            good = False
            continue
        print(json.dumps(asdict(verdict)), flush=True)
        good = good and verdict.good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
