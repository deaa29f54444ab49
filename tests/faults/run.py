"""Fault injection: kiosk, page, broker, centres and database as processes, faults in random order. Then all events must be there.

`python -m tests.faults.run --seeds 3` is the short form. `--long` has more events, SIGSTOPs of up to two minutes and a backlog of
a million events. The last seed starts with the backlog. A seed can be repeated with `--first`. Exit status 1 if an event was lost
or doubled, if there is a gap or a light without its event, or if a process did not come back.
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.faults.injection.environment import Options
from tests.faults.injection.seed_run import run
from tests.faults.injection.verdict import Verdict
from tests.paths import PROJECT

SUMS = (
    "recorded",
    "lights",
    "at_centre",
    "quarantined",
    "lost",
    "doubled",
    "gaps",
    "unrecorded",
    "seq_gaps",
    "innocent",
)
OWN_NAMESPACE = "FAULTS_OWN_NAMESPACE"
SHORT = {"events": 3000, "per_s": 600, "stop_s": 3.0, "backlog": 20_000}
LONG = {"events": 6000, "per_s": 1200, "stop_s": 120.0, "backlog": 1_000_000}


def seed_options(options: argparse.Namespace) -> list[Options]:
    """One for each seed."""
    last = options.first + options.seeds - 1
    return [
        Options(
            seed,
            event_count=options.events,
            per_s=options.per_s,
            faults=options.faults,
            max_stop_s=options.stop_s,
            backlog=options.backlog if seed == last else 0,
        )
        for seed in range(options.first, last + 1)
    ]


def run_all(todo: Sequence[Options], jobs: int) -> list[Verdict]:
    """All seeds, `jobs` at a time. Prints a JSON line for each, and the progress."""
    started_s = time.monotonic()
    found: list[Verdict] = []
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        # The one with the backlog takes longest, so it begins first.
        futures = [pool.submit(run, options) for options in sorted(todo, key=lambda one: -one.backlog)]
        for future in as_completed(futures):
            verdict = future.result()
            found.append(verdict)
            print(json.dumps(verdict.as_json()), flush=True)
            took_s = time.monotonic() - started_s
            left_s = took_s / len(found) * (len(todo) - len(found))
            bad = sum(not one.good for one in found)
            print(
                f"{len(found)} of {len(todo)} seeds, {bad} bad, {took_s:.0f} s, about {left_s:.0f} s left",
                file=sys.stderr,
                flush=True,
            )
    return sorted(found, key=lambda one: one.seed)


def summary(verdicts: Sequence[Verdict], seconds: float) -> dict[str, Any]:
    """Of all seeds."""
    faults: Counter[str] = Counter()
    notes: Counter[str] = Counter()
    for one in verdicts:
        faults.update(one.faults)
        notes.update(one.notes)
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seeds": [one.seed for one in verdicts],
        "bad_seeds": [one.seed for one in verdicts if not one.good],
        "seconds": round(seconds, 1),
        "faults": sum(faults.values()),
        **{name: sum(getattr(one, name) for one in verdicts) for name in SUMS},
        "down": sorted({name for one in verdicts for name in one.down}),
        "by_kind": dict(sorted(faults.items())),
        "notes": dict(sorted(notes.items())),
    }


def print_summary(found: dict[str, Any]) -> None:
    """A table of the kinds, then the sums."""
    print("\ntimes  fault")
    for kind, times in found["by_kind"].items():
        print(f"{times:5}  {kind}")
    for note, times in found["notes"].items():
        print(f"{times:5}  (seen) {note}")
    sums = ", ".join(f"{found[name]} {name.replace('_', ' ')}" for name in SUMS)
    down = ", ".join(found["down"]) or "nothing"
    print(f"\nseeds {found['seeds'][0]} to {found['seeds'][-1]}: {found['faults']} faults in {found['seconds']:.0f} s")
    print(f"{sums}; down at the end: {down}; bad seeds: {found['bad_seeds'] or 'none'}")


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """See the docstring of the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--long", action="store_true", help="the defaults of the long run")
    parser.add_argument("--events", type=int, help="committed by the driver, beside the people at the camera")
    parser.add_argument("--per-s", type=int, help="the rate of the driver")
    parser.add_argument("--faults", type=int, default=20, help="for each seed")
    parser.add_argument("--stop-s", type=float, help="the longest SIGSTOP")
    parser.add_argument("--backlog", type=int, help="events that wait at the start of the last seed")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="seeds at a time")
    parser.add_argument("--output", type=Path, default=PROJECT / "build" / "faults.json")
    options = parser.parse_args(arguments)
    for name, value in (LONG if options.long else SHORT).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def enter_own_mount_namespace() -> None:
    """Start this program again where no other program sees its mounts: one that holds them keeps the disk from being repaired."""
    if os.geteuid() == 0 and OWN_NAMESPACE not in os.environ and shutil.which("unshare"):
        command = ["unshare", "--mount", "--propagation", "private", sys.executable, "-m", "tests.faults.run"]
        os.execvpe(command[0], [*command, *sys.argv[1:]], os.environ | {OWN_NAMESPACE: "1"})  # noqa: S606 - this program again


def main() -> int:
    """See the docstring of the module."""
    options = parse_arguments()
    enter_own_mount_namespace()
    started_s = time.monotonic()
    verdicts = run_all(seed_options(options), options.jobs)
    found = summary(verdicts, time.monotonic() - started_s)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    content = {"summary": found, "seeds": [one.as_json() for one in verdicts]}
    options.output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print_summary(found)
    return 1 if found["bad_seeds"] else 0


if __name__ == "__main__":
    sys.exit(main())
