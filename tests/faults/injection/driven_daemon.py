"""The real daemon as a process, with a driver that also commits events at a given rate.

`python -m tests.faults.injection.driven_daemon --config FILE --greens FILE --per-s 1200 [--backlog N]`.
The whole daemon: camera, decoder, rules, lamps on mock pins, store, outbox relay, control socket, status file. The driver commits
in the gate thread, between two frames. After each commit it writes `seq id` to the file `greens`, and `seq outcome` for each signal
of the lamps. `--backlog`: a new database begins with that many undelivered events. SIGTERM ends it cleanly.

Lines on stdin: `clock SECONDS` (the wall clock jumps), `refused` (the next event is one that the centre rejects), `cutting` (one at
which the network breaks the connection), `pause`, `go`.
"""

import argparse
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from pathlib import Path

from kiosk import config
from kiosk.app.builders.hardware import build_signal
from kiosk.app.builders.startup import open_run_dir
from kiosk.app.components import Components, build_components
from kiosk.app.daemon import Daemon
from kiosk.core.model import AccessEvent, ClockQuality, ClockReading, Outcome, Reason
from kiosk.core.ports import StoreError
from kiosk.core.uuid7 import uuid7
from kiosk.hardware.gpio.signal_output import SignalOutput
from kiosk.storage import SqliteEventStore
from kiosk.system.clock import RELEASED_AT
from kiosk.system.logs import configure_logging
from kiosk.system.systemd import SystemdNotifier
from kiosk.system.wakeup import WakeupPipe
from tests.fakes.data.access_events import an_event
from tests.fakes.processes.delivering_device import JumpingClock

CUTTING = b"\xde\xad" * 8
"""Pseudonym of an event at which the proxy breaks the connection."""
REFUSED_BYTES = 2_000_000
"""More than the maximum of `code_bytes` on the wire."""
MAX_BURST = 240
BACKLOG_BATCH = 1000


class Greens:
    """File of commits and signals, one line each. Written without a buffer, so that a kill of the process loses no line."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(self, seq: int, what: str) -> None:
        os.write(self._file, f"{seq} {what}\n".encode())


class SteppingClock(JumpingClock):
    """Also says what the kernel would say of a clock that a time server set: synchronised, or unset if it is in the past."""

    def now(self) -> ClockReading:
        reading = super().now()
        is_set = reading.utc_at >= RELEASED_AT
        return replace(reading, quality=ClockQuality.SYNCHRONISED if is_set else ClockQuality.UNSET)


class Driver:
    """Commits events at a given rate."""

    def __init__(self, store: SqliteEventStore, clock: JumpingClock, greens: Greens, per_s: int) -> None:
        self._store = store
        self._clock = clock
        self._greens = greens
        self._per_s = per_s
        self._due_s = time.monotonic()
        self._next: deque[str] = deque()
        self.going = True

    def listen(self) -> None:
        """Read commands from stdin until its end."""
        for line in sys.stdin:
            word, _, rest = line.strip().partition(" ")
            if word == "clock":
                self._clock.jump = timedelta(seconds=float(rest))
            elif word in ("pause", "go"):
                self.going = word == "go"
            else:
                self._next.append(word)

    def commit_due(self) -> None:
        """Commit all events that are due. A failed commit writes no line to `greens` and is retried."""
        now_s = time.monotonic()
        if not self.going:
            self._due_s = now_s
            return
        self._due_s = max(self._due_s, now_s - MAX_BURST / self._per_s)
        while self._due_s < now_s:
            self._due_s += 1 / self._per_s
            event = self._next_event()
            try:
                stored = self._store.commit(event)
            except StoreError:
                return
            self._greens.note(stored.seq, str(event.id))

    def _next_event(self) -> AccessEvent:
        event = new_event(self._clock)
        kind = self._next.popleft() if self._next else ""
        if kind == "refused":
            return replace(event, code_bytes=REFUSED_BYTES, reason=Reason.UNKNOWN_CODE)
        return replace(event, pseudonym=CUTTING) if kind == "cutting" else event


def new_event(clock: JumpingClock) -> AccessEvent:
    """An event of this moment."""
    now = clock.now()
    return replace(an_event(1), id=uuid7(now), occurred_at=now.utc_at, monotonic_s=now.monotonic_s)


def fill_backlog(path: Path, count: int, greens: Greens) -> None:
    """A new database with `count` events that wait."""
    clock = SteppingClock()
    with closing(SqliteEventStore(path)) as store:
        for first in range(0, count, BACKLOG_BATCH):
            new = [new_event(clock) for _ in range(min(BACKLOG_BATCH, count - first))]
            for stored in store.commit_all(new):
                greens.note(stored.seq, str(stored.event.id))


@dataclass(frozen=True, slots=True)
class DrivenComponents(Components):
    """The components of the daemon. The driver commits before each step of the gate thread."""

    driver: Driver

    def worker_steps(self) -> dict[str, Callable[[], float]]:
        return Components.worker_steps(self) | {"gate": self._driven_step}

    def _driven_step(self) -> float:
        self.driver.commit_due()
        return self.gate_worker.step()


class RecordingSignal:
    """Writes each signal to `greens`, with the number of the newest event at that moment."""

    def __init__(self, signal_output: SignalOutput, greens: Greens) -> None:
        self._signal_output = signal_output
        self._greens = greens
        self.store: SqliteEventStore | None = None

    def show(self, outcome: Outcome) -> None:
        assert self.store is not None
        self._greens.note(self.store.newest_seq, outcome.value)
        self._signal_output.show(outcome)

    def __getattr__(self, name: str) -> object:
        return getattr(self._signal_output, name)


def run(settings: config.Settings, greens: Greens, per_s: int) -> None:
    """As kiosk.app.daemon.run_daemon, with an adjustable clock, a driver and a recorder of signals."""
    with ExitStack() as exit_stack:
        open_run_dir(settings.run_dir, exit_stack)
        wakeup = exit_stack.enter_context(WakeupPipe())
        signal_output = build_signal(settings.gpio)
        exit_stack.callback(signal_output.close)
        signal = RecordingSignal(signal_output, greens)
        clock = SteppingClock()
        components = build_components(settings, signal, clock, wakeup.wake, exit_stack)  # type: ignore[arg-type]  # duck-typed
        signal.store = components.event_store
        driver = Driver(components.event_store, clock, greens, per_s)
        threading.Thread(target=driver.listen, daemon=True).start()
        values = {field.name: getattr(components, field.name) for field in fields(components)}
        daemon = Daemon(settings, DrivenComponents(**values, driver=driver), wakeup, SystemdNotifier())
        exit_stack.callback(daemon.stop_workers)
        daemon.start_workers()
        daemon.run_loop()
        daemon.record_stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--greens", type=Path, required=True)
    parser.add_argument("--per-s", type=int, default=1200)
    parser.add_argument("--backlog", type=int, default=0)
    options = parser.parse_args()
    configure_logging()
    logging.getLogger("kiosk.app.gate_worker").setLevel(logging.WARNING)
    settings, greens = config.load_settings(options.config), Greens(options.greens)
    if options.backlog and not settings.storage.path.exists():
        fill_backlog(settings.storage.path, options.backlog, greens)
    run(settings, greens, options.per_s)


if __name__ == "__main__":
    main()
