"""Fault injection: daemon, broker and centre as processes, with faults in random order. Afterwards all events must be there.

`python -m tests.faults.run --seeds 5 [--first 1] [--events 6000] [--per-s 1200]`. Prints one JSON line per seed. A seed
can be repeated. The broker has its default settings. Exits 1 if an event was lost or duplicated, or if there is a gap.
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
from tests.faults.environment import FaultEnvironment
from tests.faults.network_proxy import Mood

PATIENCE_S = 600.0
"""Generous, because a busy machine may need a minute to start a process."""
DOUBLED_PER_FAULT = 1000 + 100 + 50
"""Maximum of duplicates on the wire: the in-flight window, its reserve for live events, one batch."""


@dataclass
class Verdict:
    """Result of one seed."""

    seed: int
    version: str = ""
    disk: str = ""
    promised: int = 0
    """Events with a signal of the lamps, or with a reported commit of the driver."""
    lights: int = 0
    """Of these: signals of the lamps, for people in front of the camera."""
    recorded: int = 0
    """Rows on the device. It may exceed `promised` by events that were committed at the moment of a kill."""
    at_centre: int = 0
    lost: int = 0
    doubled: int = 0
    doubled_on_the_wire: int = 0
    missing: int = 0
    """Gaps at the centre."""
    unrecorded: int = 0
    """Signals without an event, or with an event of another outcome."""
    seq_gaps: int = 0
    quarantined: int = 0
    innocent: int = 0
    """Events in quarantine without a defect."""
    seconds: float = 0.0
    faults: dict[str, int] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """No event lost or duplicated, no gap except for quarantined events, no signal without an event."""
        errors = (self.lost, self.doubled, self.unrecorded, self.seq_gaps, self.innocent)
        few_duplicates = self.doubled_on_the_wire <= DOUBLED_PER_FAULT * sum(self.faults.values())
        return not any(errors) and few_duplicates and self.missing == self.quarantined and self.promised > 0


def all_faults(environment: FaultEnvironment) -> dict[str, Callable[[], None]]:
    """Name of each fault -> function that injects it."""
    return {
        "kill device": lambda: environment.hit_device(SIGKILL),
        "kill centre": lambda: environment.hit_centre(SIGKILL),
        "kill broker": lambda: environment.hit_broker(SIGKILL),
        "term device": lambda: environment.hit_device(SIGTERM),
        "term centre": lambda: environment.hit_centre(SIGTERM),
        "term broker": lambda: environment.hit_broker(SIGTERM),
        "network cut": lambda: environment.hit_network(Mood.CUT),
        "slow network": lambda: environment.hit_network(Mood.SLOW),
        "half-open": lambda: environment.hit_network(Mood.HALF_OPEN),
        "no CONNACK": environment.no_connack,
        "disk full": environment.disk_full,
        "disk read-only": environment.disk_read_only,
        "clock jump": environment.clock_jump,
        "receipts doubled, reordered": environment.old_receipts,
        "record refused": lambda: environment.tell_device("refused"),
        "record cuts": lambda: environment.tell_device("cutting"),
    }


def run(seed: int, event_count: int, per_s: int, faults: int) -> Verdict:
    """One seed: inject `faults` faults while `event_count` events are committed, wait for an empty outbox, then count."""
    started = time.monotonic()
    with ExitStack() as stack:
        environment = FaultEnvironment(stack, seed, per_s)
        _until(lambda: bool(environment.promised()), environment)
        injections = all_faults(environment)
        plan = environment.rng.sample(list(injections), k=len(injections))
        plan = (plan + environment.rng.choices(plan, k=max(0, faults - len(plan))))[:faults]
        for name in plan:
            environment.wait(environment.rng.uniform(0.1, max(0.2, event_count / per_s / faults)))
            environment.faults[name] += 1
            injections[name]()
        environment.tell_device("refused", "cutting")  # earlier ones may be lost with a killed device
        enough = max(event_count, len(environment.promised()) + per_s)
        _until(lambda: len(environment.promised()) >= enough, environment)
        environment.tell_device("clock 0", "pause")
        environment.unplug_camera()
        _until(lambda: environment.waiting() == 0, environment)
        environment.stop()
        verdict = _count(environment, seed)
        verdict.seconds = round(time.monotonic() - started, 1)
        if not verdict.good:
            print(f"seed {seed}: its files are in {environment.keep()}", file=sys.stderr)
        return verdict


def _until(done: Callable[[], bool], environment: FaultEnvironment) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not done():
        if time.monotonic() > ends:
            raise AssertionError(f"timeout. The files are in {environment.keep()}\n{environment.last_words()}")
        environment.wait(0.1)


def _count(environment: FaultEnvironment, seed: int) -> Verdict:
    with environment.look_into(environment.records) as device:
        rows = {bytes(row[0]): row for row in device.execute("SELECT id, seq, outcome FROM event")}
        quarantined = {
            bytes(row[0]): bytes(row[1]) == CUTTING or int(row[2]) == REFUSED_BYTES
            for row in device.execute("SELECT id, pseudonym, code_bytes FROM event JOIN quarantine USING (seq)")
        }
    with environment.look_into(environment.centre_database) as centre:
        arrived = Counter(bytes(row[0]) for row in centre.execute("SELECT id FROM event"))
    promised, lights = environment.promised(), environment.lights()
    outcomes = {int(row[1]): str(row[2]) for row in rows.values()}
    broken = [id_ for id_, seq in promised.items() if id_ not in rows or rows[id_][1] != seq]
    counts = read_counts(environment.centre_database)
    return Verdict(
        seed=seed,
        version=environment.version,
        disk=environment.disk.kind,
        promised=len(promised) + len(lights),
        lights=len(lights),
        recorded=len(rows),
        at_centre=len(arrived),
        lost=len(set(rows) - set(arrived) - set(quarantined)) + len(broken),
        doubled=sum(arrived.values()) - len(arrived),
        doubled_on_the_wire=counts.duplicates,
        missing=counts.missing,
        unrecorded=sum(outcomes.get(seq) != outcome for seq, outcome in lights),
        seq_gaps=max(outcomes, default=0) - len(outcomes),
        quarantined=len(quarantined),
        innocent=sum(not defective for defective in quarantined.values()),
        faults=dict(environment.faults),
    )


def main() -> int:
    """See the docstring of the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--events", type=int, default=6000)
    parser.add_argument("--per-s", type=int, default=1200)
    parser.add_argument("--faults", type=int, default=20)
    options = parser.parse_args()
    good = True
    for seed in range(options.first, options.first + options.seeds):
        try:
            verdict = run(seed, options.events, options.per_s, options.faults)
        except (AssertionError, sqlite3.Error) as error:
            print(json.dumps({"seed": seed, "error": str(error)}), flush=True)
            good = False
            continue
        print(json.dumps(asdict(verdict)), flush=True)
        good = good and verdict.good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
