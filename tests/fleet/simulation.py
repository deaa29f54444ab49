"""One run of a fleet: connect, let people pass, cut networks, wait for the last receipt."""

import heapq
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kiosk.core.model import ClockQuality, ClockReading
from tests.fleet import traffic
from tests.fleet.counts import Counts
from tests.fleet.kiosk.event_loop import EventLoop, allow_open_files
from tests.fleet.kiosk.outbox import FleetOutbox
from tests.fleet.kiosk.people import encounters
from tests.fleet.kiosk.simulated_kiosk import NEVER_S, FleetKiosk, Surroundings

ENCOUNTERS = 512
MAX_CONNECTING = 500
"""Kiosks that are switched on and not connected yet. More would wait for one another until their time is up, and begin again."""
STEP_S = 0.05
"""How long the loop waits for sockets before it looks at the traffic again."""


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """What is simulated. Times in seconds."""

    kiosks: int
    rate: traffic.FixedRate | traffic.DayRate
    duration_s: float
    """How long people pass."""
    connects_per_s: float = 500.0
    """How fast the fleet is switched on."""
    backlog: int = 0
    """Events that each kiosk recorded before it connects for the first time."""
    backlog_age_s: float = 3600.0
    """When the first of these happened."""
    outages_per_hour: float = 0.0
    """Of the whole fleet."""
    outage_s: float = 60.0
    sealed: bool = True
    mqtt_version: str = "5"
    topic_prefix: str = "entrance"
    drain_s: float = 120.0
    """How long to wait for receipts after the last passage."""
    seed: int = 1
    certificates: str | None = None
    """A folder of `kiosk pki` with a certificate of each kiosk. None: without TLS."""


class FleetClock:
    """Implements kiosk.core.ports.Clock without asking the kernel about its quality ten thousand times a second."""

    def now(self) -> ClockReading:
        """Both clocks."""
        return ClockReading(datetime.now(UTC), time.monotonic(), ClockQuality.SYNCHRONISED)


class Simulation:
    """One thread. `connect`, then `run`, then `drain`, and `close` at the end. `on_tick` is called every STEP_S or later."""

    def __init__(
        self,
        options: FleetOptions,
        addresses: tuple[tuple[str, int], ...],
        on_tick: Callable[["Simulation"], None] = lambda _simulation: None,
    ) -> None:
        """Raises ValueError where the system allows too few open files."""
        allow_open_files(options.kiosks)
        self._log = logging.getLogger("kiosk.delivery")
        self._log_level = self._log.level
        self._log.setLevel(logging.CRITICAL + 1)  # each kiosk would log each lost connection
        self.options = options
        self.counts = Counts()
        self.loop = EventLoop()
        self.phase = "connecting"
        self.longest_turn_s = 0.0
        """How long the kiosks had to wait for the simulator. Beyond some seconds they miss pings, and the run says nothing."""
        self.started_s = time.monotonic()
        self._switched_on = 0
        self._on_tick = on_tick
        self._rng = random.Random(options.seed)
        self._restores: list[tuple[float, int]] = []
        self.run_id = random.SystemRandom().getrandbits(32)
        """Names the run at the centre: the second half of each epoch."""
        self.kiosks = self._make_kiosks(addresses)
        self.loop.start(self.kiosks)

    def _make_kiosks(self, addresses: tuple[tuple[str, int], ...]) -> list[FleetKiosk]:
        options, clock = self.options, FleetClock()
        shared = Surroundings(
            addresses, self.loop, clock, time.monotonic, self.counts, self._rng,
            is_mqtt5=options.mqtt_version == "5", topic_prefix=options.topic_prefix,
            certificates=Path(options.certificates) if options.certificates else None,
        )  # fmt: skip
        people = encounters(ENCOUNTERS, self._rng, sealed=options.sealed)
        offset_s = time.time() - time.monotonic()
        kiosks = []
        for index in range(options.kiosks):
            outbox = FleetOutbox(self.run_id, index, people, offset_s)
            kiosks.append(FleetKiosk(index, outbox, shared, starts_s=NEVER_S))
            self._record_backlog(kiosks[-1])
        return kiosks

    def _record_backlog(self, kiosk: FleetKiosk) -> None:
        first_ms = (time.time() - self.options.backlog_age_s) * 1000
        step_ms = self.options.backlog_age_s * 1000 / max(1, self.options.backlog)
        for number in range(self.options.backlog):
            kiosk.record(int(first_ms + number * step_ms))

    def connect(self, timeout_s: float = 300.0) -> bool:
        """Switch the fleet on. Returns whether all kiosks are connected within this time after the last was switched on."""
        self.phase = "connecting"
        if not self._switched_on:
            self.started_s = time.monotonic()
        ends_s = time.monotonic() + self.options.kiosks / self.options.connects_per_s + timeout_s
        return self._turn_until(self._switch_on_next, ends_s)

    def _switch_on_next(self) -> bool:
        """Switch on those whose time has come. Returns whether all are connected."""
        now_s, counts = time.monotonic(), self.counts
        due = min(len(self.kiosks), int((now_s - self.started_s) * self.options.connects_per_s) + 1)
        while self._switched_on < min(due, counts.connected + MAX_CONNECTING):
            kiosk = self.kiosks[self._switched_on]
            kiosk.due_s = now_s
            self.loop.reschedule(kiosk)
            self._switched_on += 1
        return counts.connected == len(self.kiosks)

    def run(
        self,
        rate: traffic.FixedRate | traffic.DayRate | None = None,
        duration_s: float | None = None,
        is_done: Callable[[], bool] = lambda: False,
    ) -> None:
        """Let people pass for `duration_s`, or until `is_done`. None: as the options say."""
        self.phase = "running"
        options, start_s = self.options, time.monotonic()
        ends_s = start_s + (options.duration_s if duration_s is None else duration_s)
        offset_ms = (time.time() - start_s) * 1000
        passages = traffic.passages(rate or options.rate, len(self.kiosks), self._rng)
        outages = traffic.outages(options.outages_per_hour, options.outage_s, len(self.kiosks), self._rng)
        next_passage, next_outage = next(passages), next(outages, None)
        while (now_s := time.monotonic()) < ends_s and not is_done():
            elapsed_s = now_s - start_s
            while next_passage[0] <= elapsed_s:
                kiosk = self.kiosks[next_passage[1]]
                kiosk.record(int((start_s + next_passage[0]) * 1000 + offset_ms))
                self.loop.reschedule(kiosk)
                next_passage = next(passages)
            while next_outage is not None and next_outage[0] <= elapsed_s:
                self._cut(next_outage[1], now_s + next_outage[2])
                next_outage = next(outages, None)
            self._turn(min(start_s + next_passage[0], now_s + STEP_S))

    def drain(self) -> bool:
        """Wait for the receipts of all events, and for all kiosks. Returns whether they came in `drain_s`."""
        self.phase = "waiting"

        def is_done() -> bool:
            return self.unconfirmed == 0 and self.counts.connected == len(self.kiosks)

        return self._turn_until(is_done, time.monotonic() + self.options.drain_s)

    @property
    def unconfirmed(self) -> int:
        """Events without a receipt."""
        return self.counts.recorded - self.counts.confirmed - self.counts.rejected

    def _turn_until(self, is_done: Callable[[], bool], ends_s: float) -> bool:
        while time.monotonic() < ends_s:
            self._turn(time.monotonic() + STEP_S)
            if is_done():
                return True
        return is_done()

    def _turn(self, until_s: float) -> None:
        self.loop.run_once(until_s)
        self.longest_turn_s = max(self.longest_turn_s, time.monotonic() - until_s)
        while self._restores and self._restores[0][0] <= time.monotonic():
            kiosk = self.kiosks[heapq.heappop(self._restores)[1]]
            kiosk.restore()
            self.loop.reschedule(kiosk)
        self._on_tick(self)

    def _cut(self, index: int, until_s: float) -> None:
        if not self.kiosks[index].is_cut:
            self.kiosks[index].cut()
            heapq.heappush(self._restores, (until_s, index))

    def close(self) -> None:
        """Close all connections, and let the kiosks of this process log again."""
        for kiosk in self.kiosks:
            kiosk.close()
        self.loop.close()
        self._log.setLevel(self._log_level)
