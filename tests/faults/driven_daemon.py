"""The real daemon as a process, with a second source of passages beside its camera: a driver that commits at a pace.

`python -m tests.faults.driven_daemon --config FILE --greens FILE --per-s 1200`. The whole daemon: camera, decoder, rules, lamps on
mock pins, store, courier, control socket, page status. The driver commits in the gate's thread, between two frames. After each
commit (and not before) `seq id` goes into the file of greens, and `seq outcome` with each light of the lamps. Lines on stdin:
`clock SECONDS` (the wall clock jumps), `refused` (the next record is one that the centre refuses), `cutting` (one that
the network cannot stand), `pause`, `go`. SIGTERM ends it cleanly.
"""

import argparse
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from pathlib import Path

from kiosk import config
from kiosk.app.builders.hardware import build_signal
from kiosk.app.components import Components, build_components, create_run_dir
from kiosk.app.daemon import Daemon
from kiosk.core.model import AccessEvent, Outcome, Reason
from kiosk.core.ports import StoreError
from kiosk.core.uuid7 import uuid7
from kiosk.hardware.gpio.signal_output import SignalOutput
from kiosk.storage import SqliteEventStore
from kiosk.system.logs import configure_logging
from kiosk.system.systemd import SystemdNotifier
from kiosk.system.wakeup import WakeupPipe
from tests.fakes.data.access_events import an_event
from tests.fakes.processes.delivering_device import JumpingClock

CUTTING = b"\xde\xad" * 8
"""The pseudonym of a record that the laboratory's network cannot stand."""
REFUSED_BYTES = 2_000_000
"""More than the wire allows for `code_bytes`."""
MAX_BURST = 240


class Greens:
    """What people were promised, one line each, never lost by a kill of the process."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(self, seq: int, what: str) -> None:
        os.write(self._file, f"{seq} {what}\n".encode())


class Driver:
    """Commits passages at a pace."""

    def __init__(self, store: SqliteEventStore, clock: JumpingClock, greens: Greens, per_s: int) -> None:
        self._store = store
        self._clock = clock
        self._greens = greens
        self._per_s = per_s
        self._due_s = time.monotonic()
        self._next: deque[str] = deque()
        self.going = True

    def listen(self) -> None:
        """Commands from stdin; its end is no command."""
        for line in sys.stdin:
            word, _, rest = line.strip().partition(" ")
            if word == "clock":
                self._clock.jump = timedelta(seconds=float(rest))
            elif word in ("pause", "go"):
                self.going = word == "go"
            else:
                self._next.append(word)

    def commit_due(self) -> None:
        """A commit that fails gives nobody green and is tried again."""
        now_s = time.monotonic()
        if not self.going:
            self._due_s = now_s
            return
        self._due_s = max(self._due_s, now_s - MAX_BURST / self._per_s)
        while self._due_s < now_s:
            self._due_s += 1 / self._per_s
            passage = self._passage()
            try:
                stored = self._store.commit(passage)
            except StoreError:
                return
            self._greens.note(stored.seq, str(passage.id))

    def _passage(self) -> AccessEvent:
        now = self._clock.now()
        passage = replace(an_event(1), id=uuid7(now), occurred_at=now.utc_at, monotonic_s=now.monotonic_s)
        kind = self._next.popleft() if self._next else ""
        if kind == "refused":
            return replace(passage, code_bytes=REFUSED_BYTES, reason=Reason.UNKNOWN_CODE)
        return replace(passage, pseudonym=CUTTING) if kind == "cutting" else passage


@dataclass(frozen=True, slots=True)
class DrivenRooms(Components):
    """The daemon's rooms; before each turn of the gate's thread the driver has one."""

    driver: Driver

    def steps(self) -> dict[str, Callable[[], float]]:
        return Components.worker_steps(self) | {"gate": self._driven_step}

    def _driven_step(self) -> float:
        self.driver.commit_due()
        return self.gate_worker.step()


class WitnessedLamps:
    """Notes each light with the number of the record that was the newest then."""

    def __init__(self, lamps: SignalOutput, greens: Greens) -> None:
        self._lamps = lamps
        self._greens = greens
        self.store: SqliteEventStore | None = None

    def show(self, outcome: Outcome) -> None:
        assert self.store is not None
        self._greens.note(self.store.newest_seq, outcome.value)
        self._lamps.show(outcome)

    def __getattr__(self, name: str) -> object:
        return getattr(self._lamps, name)


def run(settings: config.Settings, greens: Greens, per_s: int) -> None:
    """As kiosk.app.run, with a clock that jumps, a driver, and a witness of the lights."""
    with ExitStack() as house:
        create_run_dir(settings.run_dir)
        bell = house.enter_context(WakeupPipe())
        lamps = build_signal(settings.gpio)
        house.callback(lamps.close)
        witness = WitnessedLamps(lamps, greens)
        clock = JumpingClock()
        rooms = build_components(settings, witness, clock, bell.wake, house)  # type: ignore[arg-type] # a Lamps in all but name
        witness.store = rooms.event_store
        driver = Driver(rooms.event_store, clock, greens, per_s)
        threading.Thread(target=driver.listen, daemon=True).start()
        driven = DrivenRooms(**{room.name: getattr(rooms, room.name) for room in fields(rooms)}, driver=driver)
        daemon = Daemon(settings, driven, bell, SystemdNotifier())
        house.callback(daemon.stop_workers)
        daemon.start_workers()
        daemon.run_loop()
        daemon.record_stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--greens", type=Path, required=True)
    parser.add_argument("--per-s", type=int, default=1200)
    wanted = parser.parse_args()
    configure_logging()
    logging.getLogger("kiosk.app.gate_worker").setLevel(logging.WARNING)
    run(config.load_settings(wanted.config), Greens(wanted.greens), wanted.per_s)


if __name__ == "__main__":
    main()
