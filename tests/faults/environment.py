"""A kiosk, a broker and a centre as processes, with a network proxy and a disk that can fail: all faults that are injected."""

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

from kiosk.credentials.issuing.samples import make_sample_data
from kiosk.simulation.renderer import FrameRenderer
from kiosk.simulation.sandbox import Sandbox
from mqtt import events
from mqtt.connection import BrokerConnectionError, OutgoingMessage
from tests.fakes.processes.broker import Broker, Listener, publish
from tests.fakes.processes.replay_daemon import put
from tests.faults.driven_daemon import CUTTING
from tests.faults.faulty_disk import Disk, Limited, Mounted
from tests.faults.network_proxy import Mood, Proxy
from tests.paths import PROJECT

RECEIPT_TOPIC = "entrance/v1/cho-mau/cong-1/receipt"
SHOWN = ("valid", "national", "expired", "forged", "id-card", "unknown")
"""Sample codes shown to the camera, with an empty frame after each."""
FAST_MEMORY = Path("/dev/shm")  # noqa: S108 - a private folder is made in it


class FaultEnvironment:
    """The environment of one run. The seed determines all random decisions."""

    def __init__(self, stack: ExitStack, seed: int, per_s: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"faults-{seed}-"))
        stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.rng = random.Random(seed)
        self.version = self.rng.choice(["5", "3.1.1"])
        self.disk: Disk = self._make_disk(stack, seed)
        self.records = self.disk.folder / "events.db"
        self.centre_database = self.folder / "centre.db"
        self.broker = stack.enter_context(Broker(log_type="error"))
        self.proxy = stack.enter_context(Proxy(self.broker.port))
        self.proxy.hates = (CUTTING.hex().encode(),)
        self.per_s = per_s
        self.pause = threading.Event()
        self.faults: Counter[str] = Counter()
        self._receipts: list[bytes] = []
        self._write_files(self.rng.choice([0, 4_000_000]))
        self.centre = self.start_centre()
        self.device = self.start_device()
        stack.callback(self.end)

    def _make_disk(self, stack: ExitStack, seed: int) -> Disk:
        memory = FAST_MEMORY if FAST_MEMORY.is_dir() else self.folder
        image = Path(tempfile.mkdtemp(prefix=f"faults-{seed}-", dir=memory)) / "disk.img"
        stack.callback(shutil.rmtree, image.parent, ignore_errors=True)
        disk = Mounted.make(self.folder / "disk", image) or Limited(self.folder / "disk")
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
        more = f'version = "{self.version}"\nkeepalive_s = 2\nreconnect_max_delay_s = 1.0\nreceipt_timeout_s = 1'
        text = sandbox.config_file.read_text(encoding="utf-8").replace("receipt_timeout_s = 3", more)
        records = f'path = "{self.records}"\nlow_space_bytes = 0\nmin_free_bytes = {min_free_bytes}'
        sandbox.config_file.write_text(text.replace('path = "events.db"', records), encoding="utf-8")

    def start_centre(self) -> subprocess.Popen[bytes]:
        command = [
            "-m",
            "kiosk.cli",
            "centre",
            "--broker",
            self.broker.address,
            "--database",
            str(self.centre_database),
        ]
        return self._start("centre", command)

    def start_device(self) -> subprocess.Popen[bytes]:
        command = [
            "-m",
            "tests.faults.driven_daemon",
            "--config",
            str(self.folder / "kiosk.toml"),
            "--per-s",
            str(self.per_s),
        ]
        return self._start("device", [*command, "--greens", str(self.folder / "greens")])

    def _start(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *command], cwd=PROJECT, stdin=subprocess.PIPE, stderr=log, stdout=log
            )

    def tell_device(self, *lines: str) -> None:
        """Send commands. A device that was just killed does not receive them."""
        assert self.device.stdin is not None
        try:
            self.device.stdin.write(b"".join(line.encode() + b"\n" for line in lines))
            self.device.stdin.flush()
        except BrokenPipeError:
            self.faults["command unheard"] += 1

    def wait(self, seconds: float) -> None:
        """Wait. Then restart a daemon that ended by itself, as systemd does."""
        self.pause.wait(seconds)
        if self.device.poll() is not None:
            self.faults["device ended by itself"] += 1
            self.device = self.start_device()

    def end_process(self, process: subprocess.Popen[bytes], how: signal.Signals) -> None:
        """End and reap a process. One that does not end on SIGTERM is counted and killed."""
        process.send_signal(how)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            self.faults["SIGTERM not obeyed"] += 1
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()

    def hit_device(self, how: signal.Signals) -> None:
        self.end_process(self.device, how)
        self.pause.wait(self.rng.uniform(0, 0.5))
        self.device = self.start_device()

    def hit_centre(self, how: signal.Signals) -> None:
        self.end_process(self.centre, how)
        self.wait(self.rng.uniform(0, 1.5))
        self.centre = self.start_centre()

    def hit_broker(self, how: signal.Signals) -> None:
        if how is signal.SIGKILL:
            self.broker.kill()
        else:
            self.broker.stop()
        self.wait(self.rng.uniform(0, 1.0))
        self.broker.start()

    def hit_network(self, mood: Mood) -> None:
        self.proxy.set(mood)
        self.wait(self.rng.uniform(0.3, 2.5))
        self.proxy.set(Mood.PASS if mood is not Mood.HALF_OPEN else Mood.CUT)
        self.wait(0.2)
        self.proxy.set(Mood.PASS)

    def no_connack(self) -> None:
        self.proxy.set(Mood.CUT)
        self.wait(0.1)
        self.hit_network(Mood.MUTE)

    def disk_full(self) -> None:
        self.disk.fill(self.device.pid)
        self.wait(self.rng.uniform(0.5, 1.5))
        self.disk.clear(self.device.pid)

    def disk_read_only(self) -> None:
        """The disk fails under the running daemon. Then the machine restarts with a repair of the disk."""
        if not self.disk.fail(self.device.pid):
            self.faults["disk read-only could not be had here"] += 1
            return
        self.wait(self.rng.uniform(0.5, 2.0))
        self.end_process(self.device, self.rng.choice([signal.SIGKILL, signal.SIGTERM]))
        self.disk.repair()
        self.device = self.start_device()

    def clock_jump(self) -> None:
        self.tell_device(f"clock {self.rng.uniform(-90_000, 90_000):.0f}")

    def old_receipts(self) -> None:
        """Send old receipts again, duplicated and reordered, and receipts of another epoch or invalid ones."""
        try:
            listener = Listener(self.broker.endpoint(), RECEIPT_TOPIC, name="eavesdropper")
            self.pause.wait(0.3)
            self._receipts += [payload for _, payload in listener.look(0.1)][-50:]
            listener.close()
        except (BrokerConnectionError, AssertionError):
            self.faults["mischief unheard"] += 1
        messages = self.rng.choices(self._receipts, k=10) if self._receipts else []
        messages += [events.receipt_payload("ffffffffffffffff", 10**6), b"\x00nonsense", b'{"epoch":"' + b"a" * 500]
        for payload in self.rng.sample(messages, k=len(messages)):
            try:
                publish(self.broker.endpoint(), OutgoingMessage(RECEIPT_TOPIC, payload), name="mischief")
            except BrokerConnectionError:
                self.faults["mischief unheard"] += 1

    def unplug_camera(self) -> None:
        """No more people come to the camera."""
        self.pictures.rename(self.folder / "unplugged")

    def promised(self) -> dict[bytes, int]:
        """Id -> seq of each event that the driver committed."""
        words = [line.split() for line in self._greens() if len(line) > 36]
        return {bytes.fromhex(id_.replace("-", "")): int(seq) for seq, id_ in words}

    def lights(self) -> list[tuple[int, str]]:
        """Number of the newest event and outcome of each signal."""
        words = [line.split() for line in self._greens() if len(line) < 36]
        return [(int(seq), outcome) for seq, outcome in words]

    def _greens(self) -> list[str]:
        greens = self.folder / "greens"
        return greens.read_text(encoding="ascii").splitlines() if greens.exists() else []

    def waiting(self) -> int:
        """Number of events in the outbox of the device."""
        with self.look_into(self.records) as database:
            return int(database.execute("SELECT count(*) FROM outbox").fetchone()[0])

    def look_into(self, path: Path) -> closing[sqlite3.Connection]:
        """Open one of the two databases read-only while its owner runs."""
        return closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5))

    def last_words(self) -> str:
        logs = [(self.folder / f"{name}.log").read_text(errors="replace")[-2000:] for name in ("device", "centre")]
        return "\n".join(logs)

    def keep(self) -> Path:
        """Copy all files for later analysis."""
        copy = Path(tempfile.mkdtemp(prefix="faults-bad-"))
        shutil.copytree(self.folder, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock", "run"))
        return copy

    def stop(self) -> None:
        self.end_process(self.device, signal.SIGTERM)
        self.end_process(self.centre, signal.SIGTERM)

    def end(self) -> None:
        """Kill the processes that still run."""
        for process in (self.device, self.centre):
            if process.poll() is None:
                self.end_process(process, signal.SIGKILL)
