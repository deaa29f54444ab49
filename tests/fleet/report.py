"""What a run of the fleet simulator measured: progress lines, the table at its end, and JSON."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.table import Row
from tests.fleet.counts import Counts, Delays
from tests.fleet.parts import Usage
from tests.fleet.stored_rows import StoredRows

PROGRESS_INTERVAL_S = 5.0


@dataclass(frozen=True, slots=True)
class Phase:
    """Processor time of the parts between two moments of a run."""

    seconds: float
    cpu: Mapping[str, float]
    """Processors that each part used, such as 0.25."""

    @classmethod
    def between(cls, before: Mapping[str, Usage], after: Mapping[str, Usage], seconds: float) -> "Phase":
        """A part that was started again in between counts from its new start."""
        spent = {name: usage.cpu_s - before[name].cpu_s for name, usage in after.items()}
        new = {name: after[name].cpu_s if value < 0 else value for name, value in spent.items()}
        return cls(seconds, {name: value / seconds for name, value in new.items()})


@dataclass(frozen=True, slots=True)
class Measured:
    """Results of one run. Times in seconds."""

    kiosks: int
    all_connected: bool
    connected_after_s: float
    """Until the last kiosk was connected, from when the first was switched on."""
    all_confirmed: bool
    unconfirmed: int
    phase: Phase
    usage: Mapping[str, Usage]
    stored: StoredRows | None
    longest_turn_s: float = 0.0
    """How long the simulated kiosks had to wait for the simulator."""
    load_average: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Of the machine at the end: over 1, 5 and 15 minutes."""
    storm: Mapping[str, float | None] | None = None
    """After a broker's death: when 99 % of the kiosks were back, and when the first receipt came."""


def rows(counts: Counts, measured: Measured) -> list[Row]:
    """The table. A line with `met` = False means that the run failed."""
    wrong = sum(counts.wrong_receipts.values())
    found = [
        Row(
            "kiosks connected at first",
            f"{measured.kiosks}" if measured.all_connected else "not all",
            met=measured.all_connected,
        ),
        Row("all connected after", round(measured.connected_after_s, 1), "s"),
        Row("connects", round(measured.kiosks / max(0.001, measured.connected_after_s)), "per s"),
        Row("passages", counts.recorded),
        *_delay_rows("live", counts.live),
        *_delay_rows("backlog", counts.backlog),
        Row("sent again without a receipt in time", counts.resent, "events"),
        Row("sent again after a lost connection", counts.resent_after_reconnect, "events"),
        Row("without a receipt at the end", measured.unconfirmed, "events", goal="<= 0", met=measured.unconfirmed == 0),
        Row("rejected", counts.rejected, "events", goal="<= 0", met=counts.rejected == 0),
        Row("wrong receipts", wrong, json.dumps(counts.wrong_receipts) if wrong else "", goal="<= 0", met=wrong == 0),
        Row("lost connections", counts.lost_connections),
    ]
    if measured.stored is not None:
        found += [
            Row("rows at the centre", measured.stored.rows),
            Row("lost", measured.stored.lost, "events", goal="<= 0", met=measured.stored.lost == 0),
            Row("doubled", measured.stored.doubled, "rows", goal="<= 0", met=measured.stored.doubled == 0),
        ]
    for name, value in (measured.storm or {}).items():
        found.append(Row(name, "never" if value is None else round(value, 1), "s", met=value is not None))
    for name, share in measured.phase.cpu.items():
        memory = f", {measured.usage[name].memory_mb:.0f} MB" if name in measured.usage else ""
        found.append(Row(f"processor, {name}", round(share * 100, 1), f"% of one{memory}"))
    found += [
        Row("longest turn of the simulator", round(measured.longest_turn_s, 2), "s"),
        Row("load average of the machine", ", ".join(f"{one:.1f}" for one in measured.load_average), "1, 5, 15 min"),
    ]
    return found


def _delay_rows(name: str, delays: Delays) -> list[Row]:
    if not len(delays):
        return []
    summary = delays.summary()
    text = ", ".join(f"{key[:-2]} {summary[key]:.3f}" for key in ("p50_s", "p95_s", "p99_s", "max_s"))
    return [Row(f"passage to receipt, {name} ({len(delays)})", text, "s")]


def failed(found: list[Row]) -> list[Row]:
    """What was lost, doubled, wrong or never confirmed. Empty: nothing."""
    return [row for row in found if row.met is False]


def save(path: Path, options: Any, counts: Counts, measured: Measured) -> None:
    """Everything as JSON."""
    content = {
        "options": asdict(options),
        "measured": asdict(measured),
        "counts": {
            name: value.summary() if isinstance(value, Delays) else value for name, value in vars(counts).items()
        },
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


class Progress:
    """Prints a line every PROGRESS_INTERVAL_S."""

    def __init__(self, kiosks: int, total_s: float) -> None:
        """`total_s`: how long the run will take if nothing goes wrong."""
        self._kiosks = kiosks
        self._ends_s = time.monotonic() + total_s
        self._started_s = self._printed_s = time.monotonic()

    def show(self, phase: str, counts: Counts) -> None:
        """Print a line if it is time."""
        now_s = time.monotonic()
        if now_s - self._printed_s < PROGRESS_INTERVAL_S:
            return
        self._printed_s = now_s
        waiting = counts.recorded - counts.confirmed - counts.rejected
        p95_s = counts.live.percentile_s(95)
        print(
            f"{now_s - self._started_s:5.0f} s  {phase:10}  {counts.connected:6} of {self._kiosks} connected  "
            f"{counts.recorded:8} passages  {waiting:7} wait  {counts.resent:5} sent again  "
            f"p95 {'-' if p95_s is None else f'{p95_s:.3f}'} s  about {max(0, self._ends_s - now_s):.0f} s left",
            flush=True,
        )
