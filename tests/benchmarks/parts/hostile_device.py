"""Rows on one device that sends 14 MB of the worst: receipts of honest devices meanwhile, relative to the time before."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.benchmarks.parts.hostile_messages import KINDS
from tests.benchmarks.table import Row, goal_row
from tests.fleet import parts as fleet_parts
from tests.fleet.counts import Delays
from tests.fleet.parts import Parts
from tests.fleet.simulation import FleetOptions, Simulation
from tests.fleet.traffic import FixedRate
from tests.paths import PROJECT

KIOSKS = 50
PASSAGES_PER_S = 50.0
QUIET_S = 10.0
MEANWHILE_S = 10.0
"""Long enough for a centre that takes two seconds of work from the 14 MB, and for enough passages."""


def rows(*, quick: bool, kinds: Sequence[str] = tuple(KINDS)) -> list[Row]:
    """A row for each kind of message, with the goal of 1.5 times the quiet p95, on SQLite."""
    found = []
    for kind in kinds[:2] if quick else kinds:
        with fleet_parts.running("sqlite") as parts, hostile_sender(kind, parts) as sender:
            found.append(_row(kind, parts, sender))
    return found


def _row(kind: str, parts: Parts, sender: "subprocess.Popen[str]") -> Row:
    simulation = Simulation(FleetOptions(KIOSKS, FixedRate(PASSAGES_PER_S), QUIET_S), parts.addresses)
    try:
        assert simulation.connect(), "the honest devices cannot connect"
        simulation.run(duration_s=2.0)
        quiet = _measured(simulation, QUIET_S)
        assert sender.stdin is not None
        sender.stdin.write("\n")
        sender.stdin.flush()
        started_s = time.monotonic()
        meanwhile = _measured(simulation, MEANWHILE_S)
        assert simulation.drain(), "honest devices wait for receipts"
        drained_s = time.monotonic() - started_s - MEANWHILE_S
    finally:
        simulation.close()
    before, beside = quiet.percentile_s(95) or 0.0, meanwhile.percentile_s(95) or 0.0
    print(f"  {kind}: quiet {quiet.summary()}, meanwhile {meanwhile.summary()}, rest {drained_s:.1f} s", flush=True)
    return goal_row(f"receipts p95 beside 14 MB of one device: {kind}", round(beside, 4), "s", "<= 1.5",
                    reference=round(before, 4), ratio=round(beside / before, 2))  # fmt: skip


def _measured(simulation: Simulation, seconds: float) -> Delays:
    simulation.counts.live = Delays()
    simulation.run(duration_s=seconds)
    return simulation.counts.live


@contextmanager
def hostile_sender(kind: str, parts: Parts) -> Iterator["subprocess.Popen[str]"]:
    """The process that has its messages ready and waits for a line."""
    host, port = parts.addresses[0]
    command = [sys.executable, "-m", "tests.benchmarks.parts.hostile_sender", kind, f"{host}:{port}"]
    sender = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert sender.stdout is not None
    try:
        assert sender.stdout.readline().startswith("ready")
        yield sender
    finally:
        sender.kill()
        sender.communicate()
