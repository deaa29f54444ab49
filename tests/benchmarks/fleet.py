"""The fleet benchmark: one machine carries ten thousand kiosks, a broker, a centre and PostgreSQL.

FLEET_BASELINE=COMMIT measures the centre of that commit beside. It is checked out into a git worktree for the time of the run.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.parts import delivery_centre, fleet_ingest
from tests.benchmarks.table import Row, goal_row
from tests.fakes.processes import postgres
from tests.fleet import parts as fleet_parts
from tests.fleet import report, stored_rows
from tests.fleet.counts import Delays
from tests.fleet.parts import Parts
from tests.fleet.run import Storm, own_usage
from tests.fleet.simulation import FleetOptions, Simulation
from tests.fleet.traffic import FixedRate
from tests.paths import PROJECT

STORM_TIMEOUT_S = 180.0
BACKLOG_TIMEOUT_S = 900.0
BACKLOG_EVENTS = 100


@dataclass(frozen=True, slots=True)
class Size:
    """How large a run is."""

    kiosks: int
    seconds: float
    """Of each rate."""
    rates: tuple[int, int]
    """Passages per second."""


FULL, QUICK = Size(10_000, 60.0, (100, 1000)), Size(1_000, 10.0, (20, 200))


def run(quick: bool) -> list[Row]:
    """All rows. `quick`: a tenth of the fleet for short times, without a meaning for the goals of the large one."""
    if postgres.programs() is None:
        return [Row("fleet", "not measured", "", "sudo apt-get install postgresql")]
    size = QUICK if quick else FULL
    with baseline() as before, tempfile.TemporaryDirectory(prefix="bench-fleet-") as folder:
        rows = fleet_ingest.rows(Path(folder), quick=quick, baseline=before)
        rows += delivery_centre.centre_rows(quick=quick) + delivery_centre.backlog_rows(quick=quick)
        rows += city(size)
        rows += backlog(size)
        rows += reference(size, "a subscriber that only acknowledges", None)
        if before is not None:
            rows += reference(size, "the baseline", before)
    return rows


@contextmanager
def baseline() -> Iterator[Path | None]:
    """The checkout of FLEET_BASELINE, if there is one."""
    commit = os.environ.get("FLEET_BASELINE", "")
    if not commit:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="fleet-baseline-") as folder:
        checkout = Path(folder, "tree")
        subprocess.run(["git", "worktree", "add", "--detach", str(checkout), commit], cwd=PROJECT, check=True)
        try:
            yield checkout
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(checkout)], cwd=PROJECT, check=True)


class Fleet:
    """A connected fleet, whose phases are measured one after the other."""

    def __init__(self, parts: Parts, size: Size, *, backlog: int = 0) -> None:
        self.parts = parts
        self.storm = Storm(parts, None)
        options = FleetOptions(size.kiosks, FixedRate(1), size.seconds, backlog=backlog)
        progress = report.Progress(size.kiosks, size.kiosks / options.connects_per_s)

        def on_tick(simulation: Simulation) -> None:
            progress.show(simulation.phase, simulation.counts)
            self.storm.watch(simulation)

        self.simulation = Simulation(options, parts.addresses, on_tick)
        self.counts = self.simulation.counts
        self.all_connected = self.simulation.connect()
        self.connected_after_s = time.monotonic() - self.simulation.started_s

    def at_rate(self, per_s: float, seconds: float, *, drain: bool = True) -> tuple[Delays, int, report.Phase]:
        """Live delays, repeated events, and the processors used."""
        self.counts.live, resent_before = Delays(), self.counts.resent
        before, started_s = {"simulator": own_usage(), **self.parts.usage()}, time.monotonic()
        self.simulation.run(FixedRate(per_s), seconds)
        after = {"simulator": own_usage(), **self.parts.usage()}
        phase = report.Phase.between(before, after, time.monotonic() - started_s)
        if drain:
            self.simulation.drain()
        return self.counts.live, self.counts.resent - resent_before, phase

    def lost_and_doubled(self) -> tuple[int, int]:
        """Compares with the database. An event without a receipt is lost too, as far as one can know."""
        found = stored_rows.compare(self.parts.database, self.simulation.kiosks, self.simulation.run_id)
        return found.lost + self.simulation.unconfirmed, found.doubled


def _rate_rows(fleet: Fleet, size: Size, name: str, goals: tuple[str, str]) -> list[Row]:
    """The fleet at both rates."""
    rows: list[Row] = []
    for per_s, goal in zip(size.rates, goals, strict=True):
        delays, resent, phase = fleet.at_rate(per_s, size.seconds)
        about = f"{size.kiosks} kiosks, {per_s}/s, {name}"
        used = ", ".join(f"{part} {share:.2f}" for part, share in phase.cpu.items())
        p95_s = delays.percentile_s(95) or 0.0
        rows += [
            goal_row(f"{about}: receipt p95", p95_s, "s", goal) if goal else Row(f"{about}: receipt p95", p95_s, "s"),
            Row(f"{about}: receipt p50", delays.percentile_s(50) or 0.0, "s"),
            Row(f"{about}: sent again", resent, "events", used),
        ]
    return rows


def city(size: Size) -> list[Row]:
    """The fleet at both rates, the centre's memory, `centre status`, and the storm after the broker's death."""
    with fleet_parts.running("postgresql") as parts:
        fleet = Fleet(parts, size)
        rows = [Row(f"{size.kiosks} kiosks connected after", round(fleet.connected_after_s, 1), "s")]
        rows += _rate_rows(fleet, size, "centre on PostgreSQL", ("<= 0.5", "<= 2"))
        usage = parts.usage()
        rows.append(
            goal_row(f"centre's memory with {size.kiosks} kiosks", round(usage["centre"].memory_mb), "MB", "<= 120")
        )
        rows.append(Row(f"broker's memory with {size.kiosks} kiosks", round(usage["broker"].memory_mb), "MB"))
        rows += _status_rows(parts.database, size)
        rows += _storm_rows(fleet, size)
        fleet.simulation.close()
        return rows


def _status_rows(database: str, size: Size) -> list[Row]:
    """The command of an operator, as a process: seconds, and its processor time, which other programs change little."""
    command = [sys.executable, "-m", "kiosk.cli", "centre", "--database", database, "status"]
    started_s, before = time.monotonic(), os.times()
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    seconds, after = time.monotonic() - started_s, os.times()
    assert done.returncode in (0, 1), done.stderr
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    about = f"`centre status` over {size.kiosks} devices"
    return [
        goal_row(about, round(seconds, 2), "s", "<= 1", reference=done.stdout.count("\n")),
        Row(f"{about}: processor time", round(cpu_s, 2), "s"),
    ]


def _storm_rows(fleet: Fleet, size: Size) -> list[Row]:
    """The broker is killed while people pass."""
    storm = fleet.storm = Storm(fleet.parts, 1.0)
    fleet.simulation.run(
        FixedRate(size.rates[0]),
        STORM_TIMEOUT_S,
        lambda: storm.back_s is not None and storm.receipt_s is not None,
    )
    storm.join()
    fleet.simulation.drain()
    lost, doubled = fleet.lost_and_doubled()
    return [
        goal_row(
            "broker killed: 99 % of the kiosks are back after", round(storm.back_s or STORM_TIMEOUT_S, 1), "s", "<= 60"
        ),
        goal_row("broker killed: first receipt after", round(storm.receipt_s or STORM_TIMEOUT_S, 1), "s", "<= 10"),
        goal_row("broker killed: lost", lost, "events", "<= 0"),
        goal_row("broker killed: doubled", doubled, "rows", "<= 0"),
    ]


def backlog(size: Size) -> list[Row]:
    """Every kiosk comes back with a backlog, while people pass."""
    with fleet_parts.running("postgresql") as parts:
        fleet = Fleet(parts, size, backlog=BACKLOG_EVENTS)
        total, started_s = size.kiosks * BACKLOG_EVENTS, fleet.simulation.started_s
        fleet.simulation.run(
            FixedRate(size.rates[0]), BACKLOG_TIMEOUT_S, lambda: len(fleet.counts.backlog) >= total
        )  # fmt: skip
        seconds = time.monotonic() - started_s
        delays, sent_again = fleet.counts.live, fleet.counts.resent
        fleet.simulation.drain()
        lost, doubled = fleet.lost_and_doubled()
        fleet.simulation.close()
    about = f"{size.kiosks} x {BACKLOG_EVENTS} backlog"
    return [
        goal_row(f"{about}: live p95 meanwhile", delays.percentile_s(95) or 0.0, "s", "<= 2"),
        Row(f"{about}: delivered", round(len(fleet.counts.backlog) / seconds), "events/s", f"{seconds:.0f} s"),
        Row(f"{about}: sent again", sent_again, "events"),
        goal_row(f"{about}: lost and doubled", lost + doubled, "events", "<= 0"),
    ]


def reference(size: Size, name: str, checkout: Path | None) -> list[Row]:
    """The same fleet with another centre: that of a checkout, or one that stores nothing."""
    if checkout is None:
        with fleet_parts.running("sqlite", subscriber="acknowledging") as parts:
            fleet = Fleet(parts, size)
            rows = _rate_rows(fleet, size, name, ("", ""))
            fleet.simulation.close()
            return rows
    with fleet_parts.running("postgresql", checkout=checkout) as parts:
        fleet = Fleet(parts, size)
        delays, resent, _ = fleet.at_rate(size.rates[0], size.seconds, drain=False)
        fleet.simulation.close()
    about = f"{size.kiosks} kiosks, {size.rates[0]}/s, {name}"
    waiting = fleet.simulation.unconfirmed
    return [
        Row(
            f"{about}: receipt p95 of those that came",
            _or_none(delays.percentile_s(95)),
            "s",
            f"{waiting} did not come",
        ),
        Row(f"{about}: receipt p50 of those that came", _or_none(delays.percentile_s(50)), "s"),
        Row(f"{about}: sent again", resent, "events"),
    ]


def _or_none(value: float | None) -> float | str:
    return "none came" if value is None else value
