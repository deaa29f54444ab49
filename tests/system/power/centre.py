"""The centre of `make test-power`, on this host: a real broker and `kiosk centre`, and what its ledger holds in the end."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kiosk.simulation.processes import ChildProcess, python_module_command
from mqtt.centre.fleet import status as fleet_status
from tests.fakes.processes.broker import Broker
from tests.system.emulator.qemu import EmulatorError
from tests.system.power.disk import Found


@dataclass(frozen=True, slots=True)
class Centre:
    """A running centre's ledger."""

    database: Path

    def ids(self) -> list[bytes]:
        """Of all access events, as often as they stand there."""
        if not self.database.exists():
            return []
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as ledger:
            return [bytes(row[0]) for row in ledger.execute("SELECT id FROM event")]

    def await_events(self, count: int, timeout_s: float) -> None:
        """Wait until it has that many. Raises EmulatorError."""
        ends_s = time.monotonic() + timeout_s
        pause = threading.Event()
        while len(self.ids()) < count:
            if time.monotonic() > ends_s:
                raise EmulatorError(
                    f"the centre has {len(self.ids())} access events after {timeout_s:g} s, not {count}"
                )
            pause.wait(0.5)

    def sent_again(self) -> int:
        """Passages that came a second time, and were known."""
        return sum(stream.duplicates for device in self._devices() for stream in device.streams)

    def problem(self, device: Found) -> str:
        """How the ledger differs from the device's disk; empty where each has what the other has, once."""
        ids = self.ids()
        missing, foreign = set(device.ids.values()) - set(ids), set(ids) - set(device.ids.values())
        streams = [stream for each in self._devices() for stream in each.streams]
        conflicting = sum(stream.conflicts for stream in streams)
        gaps = [gap for stream in streams for gap in stream.missing]
        if missing or foreign or len(ids) != len(set(ids)) or conflicting or gaps:
            doubled = len(ids) - len(set(ids))
            return (
                f"{len(missing)} missing, {doubled} doubled, {len(foreign)} that the device never kept, "
                f"{conflicting} under another's number, gaps {gaps}"
            )
        return ""

    def _devices(self) -> list[fleet_status.DeviceStatus]:
        return fleet_status.read_fleet_status(str(self.database), datetime.now(UTC))


@contextlib.contextmanager
def centre(broker: Broker, folder: Path) -> Iterator[Centre]:
    """A centre with an empty ledger in `folder`, ended at the end."""
    database = folder / "centre.db"
    for old in folder.glob("centre.db*"):
        old.unlink()
    command = python_module_command("kiosk.cli", "centre", "--broker", broker.address, "--database", str(database))
    process = ChildProcess("the centre", command, folder / "centre.log")
    process.start()
    try:
        yield Centre(database)
        process.check_running()
    finally:
        process.terminate()
