"""The environment of one seed: kiosk, page, broker, centres and their database as processes, with what can fail around them."""

import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
import urllib.request
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kiosk.credentials.issuing.samples import make_sample_data
from kiosk.simulation.renderer import FrameRenderer
from kiosk.simulation.sandbox import Sandbox
from kiosk.system.status_file import read_status
from tests.environments import clocks
from tests.fakes.processes.broker import Broker, free_port
from tests.fakes.processes.postgres import programs
from tests.fakes.processes.replay_daemon import put
from tests.faults.faulty_disk import Disk, Limited, Mounted
from tests.faults.injection.centre_database import CentreDatabase
from tests.faults.injection.commits import Commits
from tests.faults.injection.driven_daemon import CUTTING
from tests.faults.injection.memory_group import MemoryGroup
from tests.faults.injection.supervised import Supervised
from tests.faults.network_proxy import Proxy

SITE, DEVICE = "cho-mau", "cong-1"
SHOWN = ("valid", "national", "expired", "forged", "id-card", "unknown")
"""Sample codes shown to the camera, with an empty frame after each."""
FAST_MEMORY = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
"""No fault here is a power cut, so nothing need reach a real disk: other programs that use it would slow the run down."""
BYTES_PER_EVENT = 800
"""Of the disk image, for an event of the backlog with its log."""


@dataclass(frozen=True, slots=True)
class Options:
    """Of one seed."""

    seed: int
    event_count: int = 3000
    per_s: int = 600
    """How many events the driver commits."""
    faults: int = 20
    max_stop_s: float = 3.0
    """The longest SIGSTOP."""
    backlog: int = 0
    """Events that wait in the database at the start."""

    @property
    def is_postgres(self) -> bool:
        """The database of the centres: one seed of three has SQLite."""
        return self.seed % 3 != 1

    @property
    def centre_count(self) -> int:
        """One seed of three has two centres in a share group."""
        return 2 if self.seed % 3 == 2 else 1


class FaultEnvironment:
    """The seed determines all random decisions."""

    def __init__(self, stack: ExitStack, options: Options) -> None:
        self.options = options
        memory = FAST_MEMORY if FAST_MEMORY.is_dir() else None
        self.folder = Path(tempfile.mkdtemp(prefix=f"faults-{options.seed}-", dir=memory))
        self.folder.chmod(0o711)  # PostgreSQL runs as a user of its own
        stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.rng = random.Random(options.seed)
        self.pause = threading.Event()
        self.notes: Counter[str] = Counter()
        """What was seen apart from the faults themselves."""
        self.ends: list[str] = []
        """The last lines of each process that ended by itself."""
        self.injected_fault = "the start"
        self.version = self.rng.choice(["5", "3.1.1"])
        self.disk: Disk = self._make_disk(stack)
        self.records = self.disk.folder / "events.db"
        self.commits = Commits(self.folder / "greens")
        self.broker = stack.enter_context(Broker(log_type="error"))
        self.proxy = stack.enter_context(Proxy(self.broker.port))
        self.proxy.hates = (CUTTING.hex().encode(),)
        self.centre_proxy = stack.enter_context(Proxy(self.broker.port))
        has_postgres = options.is_postgres and programs() is not None
        self.notes["PostgreSQL is not installed"] += options.is_postgres and not has_postgres
        self.database = CentreDatabase(stack, self.folder, postgres=has_postgres)
        self.page_port = free_port()
        self.centre_clock = self.folder / "centre-clock"
        self.centre_clock.write_text("+0", encoding="ascii")
        self._write_files(self.rng.choice([0, 4_000_000]))
        self._stack = stack
        self.centres = [self._centre(number + 1) for number in range(options.centre_count if has_postgres else 1)]
        self.device = self._device()
        self.page = self._process("page", "kiosk.cli", "web", "--config", str(self.folder / "kiosk.toml"))
        stack.callback(self.end)

    @property
    def processes(self) -> list[Supervised]:
        """All that are started again, the centres first."""
        return [*self.centres, self.device, self.page]

    def _make_disk(self, stack: ExitStack) -> Disk:
        size_bytes = 96_000_000 + self.options.backlog * BYTES_PER_EVENT
        disk = Mounted.make(self.folder / "disk", self.folder / "disk.img", size_bytes) or Limited(self.folder / "disk")
        stack.callback(disk.remove)
        return disk

    def _write_files(self, min_free_bytes: int) -> None:
        self.pictures = self.folder / "pictures"
        self.pictures.mkdir()
        world = make_sample_data(datetime.now(UTC))
        renderer = FrameRenderer(960, 540)
        for index, label in enumerate(SHOWN):
            put(self.pictures, f"{index}-a", renderer.render([world[label].data], 2 * index))
            put(self.pictures, f"{index}-b", renderer.render([], 2 * index + 1))
        sandbox = Sandbox(self.folder, world)
        camera = f"replay:{self.pictures}"
        sandbox.write_files(port=self.proxy.port, camera=camera, frames_per_s=6.0, window_s=1.0)
        more = f'version = "{self.version}"\nkeepalive_s = 2\nreconnect_max_delay_s = 1.0\nreceipt_timeout_s = 2'
        records = f'path = "{self.records}"\nlow_space_bytes = 0\nmin_free_bytes = {min_free_bytes}'
        text = sandbox.config_file.read_text(encoding="utf-8")
        changes = {"receipt_timeout_s = 3": more, 'path = "events.db"': records, "port = 0": f"port = {self.page_port}"}
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        sandbox.config_file.write_text(text, encoding="utf-8")

    def _process(self, name: str, module: str, *arguments: str, **variables: str) -> Supervised:
        memory = MemoryGroup.make(f"entrance-kiosk-faults-{self.folder.name}-{name}")
        if memory is not None:
            self._stack.callback(memory.remove)
        command = [sys.executable, "-m", module, *arguments]
        return Supervised(name, command, self.folder / f"{name}.log", memory=memory, variables=variables)

    def _centre(self, number: int) -> Supervised:
        """Its clock is the one of libfaketime, where it is installed. Several centres share one PostgreSQL."""
        arguments = ["centre", "--broker", f"127.0.0.1:{self.centre_proxy.port}", "--database", self.database.address]
        arguments += ["--name", f"centre-{number}"]
        if self.database.server is not None and self.options.centre_count > 1:
            arguments += ["--share-group", "centres"]
        variables = clocks.preloaded_variables(self.centre_clock)
        return self._process(f"centre-{number}", "kiosk.cli", *arguments, **variables)

    def _device(self) -> Supervised:
        arguments = ["--config", str(self.folder / "kiosk.toml"), "--per-s", str(self.options.per_s)]
        arguments += ["--greens", str(self.commits.path), "--backlog", str(self.options.backlog)]
        return self._process("device", "tests.faults.injection.driven_daemon", *arguments)

    def start(self) -> None:
        """Start all processes."""
        for process in self.processes:
            process.start()

    def tell_device(self, *lines: str) -> None:
        """Send commands. A device that was just killed does not receive them."""
        if not self.device.tell(*lines):
            self.notes["command unheard"] += 1

    def wait(self, seconds: float) -> None:
        """Wait. Then start again what ended by itself, as systemd does."""
        self.pause.wait(seconds)
        for process in self.processes:
            if process.start_if_ended():
                self.notes[f"{process.name} ended by itself after {self.injected_fault}"] += 1
                last = process.last_lines_before_end
                self.ends.append(f"{process.name} after {self.injected_fault}: {last}")
        if self.broker.start_if_ended():
            self.notes[f"broker ended by itself after {self.injected_fault}"] += 1

    def some_centres(self) -> Sequence[Supervised]:
        """One of them, or all."""
        return self.rng.sample(self.centres, k=self.rng.randint(1, len(self.centres)))

    def end_process(self, process: Supervised, how: signal.Signals) -> None:
        """End and reap a process. One that does not end on SIGTERM is counted and killed."""
        if not process.end(how):
            self.notes[f"{process.name} did not obey SIGTERM"] += 1

    def show_empty_gate(self) -> None:
        """No more people come to the camera."""
        for code in self.pictures.glob("*-a.pgm"):
            code.unlink()

    def waiting(self) -> int:
        """Number of events in the outbox of the device."""
        with self.look_into_records() as database:
            return int(database.execute("SELECT count(*) FROM outbox").fetchone()[0])

    def look_into_records(self) -> closing[sqlite3.Connection]:
        """Open the device's database read-only while the daemon runs."""
        return closing(sqlite3.connect(f"file:{self.records}?mode=ro", uri=True, timeout=5))

    def is_page_up(self) -> bool:
        """Whether the page answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.page_port}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def down(self) -> list[str]:
        """The processes that do not do their work now. The clock check of the daemon may fail for an hour after a jump."""
        found = [process.name for process in self.processes if not process.is_running]
        found += [centre.name for centre in self.centres if not _is_subscribed(centre.log_file)]
        status = read_status(self.folder / "run") or {}
        failing = {check["code"] for check in status.get("checks", ()) if check["status"] == "fail"}
        if status.get("state") not in {"ready", "degraded"} or failing - {"clock"}:
            found.append(f"device ({status.get('state', 'no status')}: {', '.join(sorted(failing))})")
        if not self.is_page_up():
            found.append("page (no answer)")
        return found

    def last_words(self) -> str:
        """The end of each log."""
        return "\n".join(one.log_file.read_text(errors="replace")[-2000:] for one in self.processes)

    def keep(self) -> Path:
        """Copy all files for later analysis."""
        copy = Path(tempfile.mkdtemp(prefix="faults-bad-"))
        shutil.copytree(
            self.folder,
            copy,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("*.sock", "run", "disk.img", "postgres-*"),
        )
        return copy

    def stop(self) -> None:
        """End all processes cleanly."""
        for process in self.processes:
            self.end_process(process, signal.SIGTERM)

    def end(self) -> None:
        """Kill the processes that still run."""
        for process in self.processes:
            if process.is_running:
                self.end_process(process, signal.SIGKILL)
            clocks.remove_shared_memory(process.pids)


def _is_subscribed(log_file: Path) -> bool:
    """By the last word of a centre about its connection."""
    lines = [
        line
        for line in log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        if "connected and subscribed" in line or "no connection to the broker" in line or "no message is ack" in line
    ]
    return bool(lines) and "connected and subscribed" in lines[-1]
