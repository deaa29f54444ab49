"""Databases that come back: random restored images, rolled-back snapshots and clones, with a real device, broker and centre each.

`python -m tests.faults.restored_images --scenarios 50 [--first 1] [--most 5000]`. A scenario can be repeated by its number.
`--most`: how many events an image may lack. Exit status 1 if an event was lost, or numbers given out twice were not told.
"""

import argparse
import json
import math
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

from kiosk.storage import SqliteEventStore
from mqtt.centre.fleet.status import read_fleet_status
from tests.fakes.data.access_events import GATE
from tests.fakes.processes.broker import Broker
from tests.faults.injection.supervised import Supervised, stop_while
from tests.faults.network_proxy import Mood, Proxy

PATIENCE_S = 300.0
KINDS = ("image restored", "snapshot rolled back", "clone with one name", "clone under another name")


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens. Counts are of events."""

    number: int
    kind: str
    before: int
    """Recorded before the image was made."""
    backlog: int
    """Of these: not delivered when the image was made."""
    age: int
    """Recorded after it, so missing in it."""
    age_is_delivered: bool
    after: int
    """Recorded after the image came back."""
    is_killed: bool
    """The device is killed, not ended cleanly, before the image comes back."""


@dataclass(frozen=True, slots=True)
class Result:
    """What was found at the end."""

    scenario: Scenario
    lost: int
    forked: bool
    """Numbers were given out twice, so it must be told."""
    told_by_device: bool
    told_by_centre: bool
    seconds: float
    error: str = ""

    @property
    def good(self) -> bool:
        return not self.error and not self.lost and (not self.forked or (self.told_by_device and self.told_by_centre))


def make_scenario(number: int, most: int) -> Scenario:
    """Any kind, small and large counts alike."""
    rng = random.Random(number)

    def count(largest: int) -> int:
        return int(math.exp(rng.uniform(0, math.log(largest + 1))))

    before = count(most)
    return Scenario(
        number,
        kind=KINDS[number % len(KINDS)],
        before=before,
        backlog=rng.choice([0, 0, min(before, count(most))]),
        age=count(most),
        age_is_delivered=rng.random() < 0.8,
        after=count(most),
        is_killed=rng.random() < 0.5,
    )


class Device:
    """A device process on its own disk and network."""

    def __init__(self, stack: ExitStack, folder: Path, broker: Broker, name: str) -> None:
        folder.mkdir(exist_ok=True)
        self.database = folder / "events.db"
        self._greens = folder / "greens"
        self.proxy = stack.enter_context(Proxy(broker.port))
        command = [sys.executable, "-m", "tests.fakes.processes.delivering_device", "--device", name, "--per-s", "0"]
        command += ["--database", str(self.database), "--greens", str(self._greens), "--port", str(self.proxy.port)]
        self.process = Supervised("device", command, folder / "device.log")
        stack.callback(self.end, signal.SIGKILL)
        self._recorded = 0

    def start(self, *, online: bool = True) -> None:
        self.proxy.set(Mood.PASS if online else Mood.CUT)
        self.process.start()

    def end(self, how: signal.Signals) -> None:
        if self.process.is_running:
            self.process.end(how)

    def record(self, count: int) -> None:
        """Returns when all are committed."""
        self.process.tell(f"commit {count}")
        self._recorded += count
        wait_until(lambda: self._greens.exists() and _lines(self._greens) >= self._recorded, self)

    def wait_for_delivery(self) -> None:
        wait_until(lambda: not self.count("outbox"), self)

    def count(self, table: str) -> int:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)) as opened:
            return int(opened.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - constants

    def ids(self) -> set[bytes]:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)) as opened:
            return {row[0] for row in opened.execute("SELECT id FROM event")}

    def take_image(self, folder: Path, *, as_snapshot: bool) -> None:
        """Copy its database: by SQLite's backup, or file by file at one moment, as a snapshot of the file system does."""
        folder.mkdir()
        if as_snapshot:
            stop_while([self.process.pid], lambda: _copy_database(self.database.parent, folder))
            return
        with closing(sqlite3.connect(self.database)) as source, closing(sqlite3.connect(folder / "events.db")) as image:
            source.backup(image)

    def restore(self, folder: Path) -> None:
        """Write an image back. The device does not run."""
        for path in self.database.parent.glob("events.db*"):
            path.unlink()
        _copy_database(folder, self.database.parent)

    def has_told(self) -> bool:
        with closing(SqliteEventStore(self.database)) as store:
            return any(notice.kind == "new-epoch" for notice in store.notices())


def _copy_database(source: Path, target: Path) -> None:
    for path in source.glob("events.db*"):
        if path.suffix not in {".lock"} and not path.name.endswith("-shm"):
            shutil.copy(path, target / path.name)


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def wait_until(done: Callable[[], bool], device: Device) -> None:
    """Raises AssertionError after PATIENCE_S."""
    ends_s = time.monotonic() + PATIENCE_S
    while not done():
        assert device.process.is_running, device.process.log_file.read_text()[-2000:]
        assert time.monotonic() < ends_s, device.process.log_file.read_text()[-2000:]
        threading.Event().wait(0.05)


def run(scenario: Scenario) -> Result:
    """One scenario, from an empty disk to the comparison with the centre."""
    started_s = time.monotonic()
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="restored-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        broker = stack.enter_context(Broker(log_type="error"))
        centre_database = folder / "centre.db"
        command = [sys.executable, "-m", "kiosk.cli", "centre", "--broker", broker.address]
        centre = Supervised("centre", [*command, "--database", str(centre_database)], folder / "centre.log")
        centre.start()
        stack.callback(centre.end, signal.SIGKILL)
        try:
            devices = play(scenario, stack, folder, broker)
            for device in devices:
                device.end(signal.SIGTERM)
            centre.end(signal.SIGTERM)
            return _compare(scenario, devices, centre_database, time.monotonic() - started_s)
        except (AssertionError, sqlite3.Error, OSError) as error:
            return Result(scenario, 0, False, False, False, round(time.monotonic() - started_s, 1), f"{error!r}")


def play(scenario: Scenario, stack: ExitStack, folder: Path, broker: Broker) -> list[Device]:
    """The devices at the end. All that they have is delivered, as far as they can know."""
    device = Device(stack, folder / "one", broker, GATE.device)
    device.start()
    device.record(scenario.before - scenario.backlog)
    device.wait_for_delivery()
    if scenario.backlog:
        device.proxy.set(Mood.CUT)
        device.record(scenario.backlog)
    device.take_image(folder / "image", as_snapshot=scenario.kind == "snapshot rolled back")
    device.proxy.set(Mood.PASS if scenario.age_is_delivered else Mood.CUT)
    device.record(scenario.age)
    if scenario.age_is_delivered:
        device.wait_for_delivery()
    if scenario.kind.startswith("clone"):
        name = GATE.device if scenario.kind == "clone with one name" else "gate-2"
        clone = Device(stack, folder / "two", broker, name)
        clone.restore(folder / "image")
        clone.start()
        clone.record(scenario.after)
        devices = [device, clone]
    else:
        device.end(signal.SIGKILL if scenario.is_killed else signal.SIGTERM)
        device.restore(folder / "image")
        device.start(online=False)
        device.record(scenario.after)
        devices = [device]
    for each in devices:
        each.proxy.set(Mood.PASS)
    for each in devices:
        each.wait_for_delivery()
    return devices


def _compare(scenario: Scenario, devices: Sequence[Device], centre_database: Path, seconds: float) -> Result:
    with closing(sqlite3.connect(centre_database)) as opened:
        arrived = {row[0] for row in opened.execute("SELECT id FROM event")}
    on_disks = set().union(*(device.ids() for device in devices))
    found = read_fleet_status(str(centre_database), datetime.now(UTC))
    streams = [stream for one in found for stream in one.streams]
    one_name = scenario.kind == "clone with one name"
    # The numbers after the image are given out again. Without their delivery, or with another name, the centre knows one of each.
    forked = scenario.kind == "clone under another name" or scenario.age_is_delivered or one_name
    return Result(
        scenario,
        lost=len(on_disks - arrived),
        forked=forked,
        told_by_device=any(device.has_told() for device in devices),
        told_by_centre=len(streams) > 1,
        seconds=round(seconds, 1),
    )


def main() -> int:
    """See the docstring of the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", type=int, default=50)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--most", type=int, default=5000)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    todo = [make_scenario(number, options.most) for number in range(options.first, options.first + options.scenarios)]
    good = forked = done = 0
    started_s = time.monotonic()
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        for future in as_completed([pool.submit(run, scenario) for scenario in todo]):
            result = future.result()
            done, good, forked = done + 1, good + result.good, forked + result.forked
            print(json.dumps(asdict(result) | {"good": result.good}), flush=True)
            left_s = (time.monotonic() - started_s) / done * (len(todo) - done)
            print(f"{done} of {len(todo)} scenarios, {done - good} bad, about {left_s:.0f} s left", file=sys.stderr)
    took_s = time.monotonic() - started_s
    print(f"{good} of {len(todo)} scenarios good; numbers given out twice in {forked}; {took_s:.0f} s")
    return 0 if good == len(todo) else 1


if __name__ == "__main__":
    sys.exit(main())
