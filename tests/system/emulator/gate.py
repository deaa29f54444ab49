"""A kiosk in an emulated machine, seen from outside: codes are shown to its camera, lamps watched, records counted."""

import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kiosk.core.model import Outcome
from kiosk.hardware.gpio.pattern_player import DEFAULT_PATTERNS, Lamp
from tests.system.emulator import site
from tests.system.emulator.qemu import Edge, EmulatorError, Machine

PYTHON = "/opt/entrance-kiosk/venv/bin/python"
RECORDS = "/var/lib/entrance-kiosk/events.db"
ASK = """import json, sqlite3, sys
database = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)
print(json.dumps(database.execute("select seq, outcome, reason, direction, clock_quality from event order by seq").fetchall()))"""
TOLERANCE_S = 0.3
"""How far a step of a pattern may be off, on an emulated machine that shares its two cores with the rest of the world."""


@dataclass(frozen=True, slots=True)
class Record:
    """An access event in the database."""

    seq: int
    outcome: str
    reason: str
    direction: str | None
    clock: str


class Gate:
    """One running kiosk. Pins by name, as in `[gpio]`."""

    def __init__(self, machine: Machine, pins: Mapping[str, int]) -> None:
        self.machine = machine
        self.pins = pins

    def show(self, name: str) -> int:
        """Put a scene before the camera. Returns how many edges there were before."""
        before = len(self.machine.pins.edges)
        self.machine.shell.run(site.show(name))
        return before

    def rises(self, pin: str, after: int, timeout_s: float = 60.0) -> Edge:
        """The first rise of a pin from edge number `after` on. Raises EmulatorError."""
        return self._edge(pin, after, timeout_s, high=True)

    def falls(self, pin: str, after: int, timeout_s: float = 60.0) -> Edge:
        """The first fall of a pin from edge number `after` on. Raises EmulatorError."""
        return self._edge(pin, after, timeout_s, high=False)

    def _edge(self, pin: str, after: int, timeout_s: float, *, high: bool) -> Edge:
        def wanted(edge: Edge) -> bool:
            return edge.line == self.pins[pin] and edge.high is high

        what = f"{pin} {'rises' if high else 'falls'}"
        return self.machine.pins.edges.first(wanted, timeout_s, what, after)

    def high_times(self, pin: str, after: int, count: int, timeout_s: float = 60.0) -> list[tuple[float, float]]:
        """The next `count` pulses of a pin: (rose at, fell at)."""
        pulses: list[tuple[float, float]] = []
        while len(pulses) < count:
            rose = self.rises(pin, after, timeout_s)
            after = self.machine.pins.edges.all().index(rose) + 1
            fell = self.falls(pin, after, timeout_s)
            after = self.machine.pins.edges.all().index(fell) + 1
            pulses.append((rose.at_s, fell.at_s))
        return pulses

    def rose(self, pin: str, after: int = 0) -> int:
        """How often a pin has risen since edge number `after`."""
        return sum(edge.line == self.pins[pin] and edge.high for edge in self.machine.pins.edges.all()[after:])

    def plays(self, outcome: Outcome, lamp: Lamp, after: int) -> str:
        """Wait for an outcome's pattern on its lamp and hold it against the table. Returns the measured steps, seconds."""
        steps = [(step.duration_s, lamp in step.lamps) for step in DEFAULT_PATTERNS[outcome].once]
        wanted: list[float] = []  # lit, dark, lit ...
        for number, (duration_s, lit) in enumerate(steps):
            if number and lit == steps[number - 1][1]:
                wanted[-1] += duration_s
            else:
                wanted.append(duration_s)
        pulses = self.high_times(lamp.value, after, (len(wanted) + 1) // 2)
        ends = [at_s for pulse in pulses for at_s in pulse]
        found = [later - sooner for sooner, later in itertools.pairwise(ends)]
        off_s = max(abs(one - other) for one, other in zip(found, wanted, strict=True))
        text = f"{' '.join(f'{step:.3f}' for step in found)} s (table: {' '.join(f'{step:g}' for step in wanted)})"
        if off_s > TOLERANCE_S:
            raise EmulatorError(f"{lamp.value}: {text}")
        return text

    def records(self) -> list[Record]:
        """All access events, oldest first."""
        printed = self.machine.shell.run(f"{PYTHON} -I -c '{ASK}' {RECORDS}")
        return [Record(*row) for row in json.loads(printed)]

    def record_of(self, reason: str, more_than: int, timeout_s: float = 30.0) -> Record:
        """The newest record, once there are more than so many; it must have this reason."""
        ends_s = time.monotonic() + timeout_s
        while time.monotonic() < ends_s:
            found = self.records()
            if len(found) > more_than:
                assert [record.seq for record in found] == list(range(1, len(found) + 1)), found
                assert found[-1].reason == reason, found
                return found[-1]
        raise EmulatorError(f"not within {timeout_s:g} s: a record of {reason}")

    def ready(self, timeout_s: float, after: int = 0) -> float:
        """When the amber lamp began to blink *ready* or *degraded*: two short blinks without red. Monotonic, seconds."""
        ends_s = time.monotonic() + timeout_s
        while True:
            left_s = max(ends_s - time.monotonic(), 1.0)
            (first, ended), (second, _) = self.high_times("amber", after, 2, left_s)
            reds = [edge for edge in self.machine.pins.edges.all() if edge.line == self.pins["red"] and edge.high]
            if ended - first < 0.2 and not any(first < red.at_s < second for red in reds):
                return first
            after = next(n for n, edge in enumerate(self.machine.pins.edges.all()) if edge.at_s == ended)

    def killed_in_mid_pulse(self, name: str, relay: str = "relay") -> float:
        """Show a valid code, and kill -9 the daemon while the relay is energised.

        Returns after how many seconds the relay fell. Raises EmulatorError where it rises again within 5 s.
        """
        pid = self.machine.shell.run("systemctl show kiosk -p MainPID --value").strip()
        before = self.show(name)
        rose = self.rises(relay, before)
        self.machine.shell.run(f"kill -9 {pid}")
        killed_s = time.monotonic()
        after = self.machine.pins.edges.all().index(rose) + 1
        fell = self.falls(relay, after)
        self.quiet(5.0)
        if self.rose(relay, after):
            raise EmulatorError("the relay was energised again")
        return fell.at_s - killed_s

    def quiet(self, seconds: float) -> None:
        """Let the machine run for a while."""
        self.machine.shell.run(f"sleep {seconds:g}", seconds * 3 + 10)


def save_traces(machine: Machine, folder: Path) -> None:
    """Write what the machine printed, and its edges, for the search after a failure."""
    folder.mkdir(parents=True, exist_ok=True)
    since_s = machine.on_at_s
    console = "\n".join(f"{said.at_s - since_s:8.3f} {said.text}" for said in machine.console.all())
    (folder / "console").write_text(console, encoding="utf-8")
    edges = "\n".join(f"{edge.at_s - since_s:8.3f} {edge.line} {int(edge.high)}" for edge in machine.pins.edges.all())
    (folder / "edges").write_text(edges, encoding="utf-8")
