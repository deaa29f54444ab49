"""The whole device on this machine with mock pins: start, code to lamp, memory, idle CPU and writes, faults.

All rows measure the real daemon as a process, as systemd starts it, with the replay camera. Its images and run directory are
in memory, its database is on disk. Machines differ, so some rows have the ratio to a reference in the same run.
"""

import contextlib
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from kiosk.core.model import DeviceState, Outcome
from kiosk.hardware.gpio.pattern_player import Lamp, OutputState
from kiosk.hardware.gpio.pins import open_pin_factory
from kiosk.hardware.gpio.signal_output import OutputPins, SignalOutput
from kiosk.system.status_file import read_status
from tests.benchmarks.parts.hardware_faults import run_beside
from tests.benchmarks.table import Row, goal_row
from tests.fakes.hardware.idle_camera import IdleCamera
from tests.fakes.processes.replay_daemon import daemon, empty_scene, put, state, until, with_code
from tests.paths import PROJECT

PEER = """
import resource, sys, time
from pathlib import Path
from pyzbar import pyzbar
from kiosk.hardware.cameras.replay_camera import ReplayCamera
camera = ReplayCamera(Path(sys.argv[1]), frames_per_s=float(sys.argv[2]))
camera.open()
pyzbar.decode(camera.capture(2.0).luma)
used, ends = time.process_time(), time.monotonic() + float(sys.argv[3])
while time.monotonic() < ends:
    pyzbar.decode(camera.capture(2.0).luma)
print(time.process_time() - used)
"""
SETTLED_S = 60.0
"""Time on an empty scene before memory is measured."""
_tick = threading.Event()


def run(quick: bool) -> list[Row]:
    """All rows. `quick` measures for a shorter time."""
    with memory_folder() as folder, tempfile.TemporaryDirectory(prefix="kiosk-bench-") as folder_on_disk:
        rows = start_rows(folder, 3 if quick else 10)
        rows += code_to_lamp_rows(folder, 8 if quick else 20)
        rows += idle_rows(folder, 6.0 if quick else 30.0)
        rows += run_beside(folder, Path(folder_on_disk), partial(memory_rows, folder))
    return rows + rest_rows(5 if quick else 20) + exposure_rows()


@contextlib.contextmanager
def memory_folder() -> Iterator[Path]:
    """A folder in memory: writes to it are not disk writes."""
    folder = Path(tempfile.mkdtemp(prefix="kiosk-bench-", dir="/dev/shm"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


# ---- start


def start_rows(folder: Path, times: int) -> list[Row]:
    """Phases of a start, each measured from the start of the process. Medians."""
    pictures = folder / "start"
    pictures.mkdir()
    put(pictures, "a", empty_scene(1))
    put(pictures, "b", empty_scene(2))
    bare = float(np.median([timed([sys.executable, "-c", ""]) for _ in range(times)]))
    imports = float(np.median([timed([sys.executable, "-c", "import kiosk.app.daemon"]) for _ in range(times)]))
    starts = [start_once(pictures, folder / "start-run") for _ in range(times)]
    starting, ready = (float(np.median([each[index] for each in starts])) for index in (0, 1))
    return [
        Row("start: the interpreter alone", round(bare, 3), "s"),
        Row("start: and all imports of the daemon", round(imports, 3), "s"),
        Row("start: and components built (READY=1, lamps show starting)", round(starting, 3), "s"),
        goal_row("start: and first frame decoded (lamps show ready)", round(ready, 3), "s", "<= 2"),
    ]


def timed(command: list[str]) -> float:
    began_s = time.monotonic()
    subprocess.run(command, check=True)
    return time.monotonic() - began_s


def start_once(pictures: Path, run_dir: Path) -> tuple[float, float]:
    """Start the daemon with our sd_notify socket. Seconds until READY=1 and until the status `ready`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        name = f"kiosk-bench-{os.getpid()}"
        listener.bind("\0" + name)
        listener.settimeout(30.0)
        with daemon(pictures, run_dir, 15.0, f"NOTIFY_SOCKET=@{name}"):
            began_s = time.monotonic()
            ready_s = receive_message(listener, "READY=1") - began_s
            return ready_s, receive_message(listener, "STATUS=ready") - began_s


def receive_message(listener: socket.socket, text: str) -> float:
    while text not in listener.recv(4096).decode():
        """Skip other messages."""
    return time.monotonic()


# ---- code to lamp


def code_to_lamp_rows(folder: Path, people: int) -> list[Row]:
    """From the first frame with a code to the pin of the green lamp, with the commit."""
    frames_per_s, shown_frames, gap_frames = 30.0, 15, 10
    pictures = folder / "people"
    pictures.mkdir()
    for person in range(people):
        text = f"00109302{person:04d}|NGUYEN VAN A|1987-01-18|0|1629793885861{person:05d}|<1<00<0123232422"
        for frame in range(gap_frames + shown_frames):
            name = f"{person:03d}-{frame:03d}"
            put(pictures, name, with_code(text, frame) if frame >= gap_frames else empty_scene(frame))
    run_dir = folder / "people-run"
    with daemon(pictures, run_dir, frames_per_s):
        until(lambda: sum((read_status(run_dir) or {}).get("counters", {}).values()) >= people, 60.0)
        shown = (read_status(run_dir) or {})["recent_decisions"]
    per_person = gap_frames + shown_frames
    waited = [((each["frame_number"] - 1) % per_person - gap_frames) / frames_per_s * 1000 for each in shown]
    took = [each["latency_ms"] for each in shown]
    pin = lamp_ms(50)
    whole = [late + each + float(np.percentile(pin, 95)) for late, each in zip(waited, took, strict=True)]
    interval_ms = 1000 / frames_per_s
    return [
        Row("code to lamp: frames without a decoded code, p95", round(float(np.percentile(waited, 95)), 1), "ms"),
        Row("code to lamp: decode, decide, commit, p50", round(float(np.percentile(took, 50)), 1), "ms"),
        Row("code to lamp: decode, decide, commit, p95", round(float(np.percentile(took, 95)), 1), "ms"),
        Row("code to lamp: signal to pin high, p95", round(float(np.percentile(pin, 95)), 2), "ms"),
        goal_row(
            "code in view to pin high, p95, in frame intervals (30 frames/s)",
            round(float(np.percentile(whole, 95)), 1),
            "ms",
            "<= 2",
            reference=round(interval_ms, 1),
            ratio=round(float(np.percentile(whole, 95)) / interval_ms, 2),
        ),
    ]


def lamp_ms(times: int) -> list[float]:
    """From show() to the pin, through the thread of the pattern player."""
    lit = threading.Event()
    at = [0.0]

    def seen(now: OutputState) -> None:
        if Lamp.GREEN in now.lamps:
            at[0] = time.monotonic()
            lit.set()

    signal_output = SignalOutput(OutputPins(), open_pin_factory("mock"), on_change=seen)
    signal_output.set_idle_state(DeviceState.READY)
    found = []
    for _ in range(times):
        began_s = time.monotonic()
        signal_output.show(Outcome.PASS)
        lit.wait(5.0)
        found.append((at[0] - began_s) * 1000)
        signal_output.show(Outcome.FAIL)
        until(lambda: Lamp.RED in signal_output.output_state.lamps, 5.0, 0.001)
        lit.clear()
    signal_output.close()
    return found


# ---- idle


def idle_rows(folder: Path, seconds: float) -> list[Row]:
    """CPU time and disk writes of the daemon without people."""
    frames_per_s = 15.0
    pictures = folder / "empty"
    pictures.mkdir()
    for number in range(30):
        put(pictures, f"{number:02d}", empty_scene(number))
    run_dir = folder / "empty-run"
    with daemon(pictures, run_dir, frames_per_s, *unit_environment()) as (_, process):
        until(lambda: state(run_dir) in ("ready", "degraded"), 30.0)
        _tick.wait(3.0)
        assert process.popen is not None
        before, wrote = cpu_s(process.popen.pid), written(process.popen.pid)
        _tick.wait(seconds)
        used_s = cpu_s(process.popen.pid) - before
        per_minute = (written(process.popen.pid) - wrote) * 60 / seconds
    command = [sys.executable, "-c", PEER, str(pictures), str(frames_per_s), str(seconds)]
    peer_s = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    ratio = round(used_s / peer_s, 3)
    return [
        goal_row(
            "CPU on an empty scene, against a pyzbar-per-frame loop",
            round(used_s / seconds * 100, 2),
            "% of a core",
            "<= 0.10",
            reference=round(peer_s / seconds * 100, 2),
            ratio=ratio,
        ),
        goal_row("written to disk without people", round(per_minute), "bytes/min", "<= 0"),
    ]


def memory_rows(folder: Path) -> list[Row]:
    """Memory of the daemon after a minute of searching whole images."""
    with daemon(folder / "empty", folder / "memory-run", 15.0, *unit_environment()) as (_, process):
        _tick.wait(SETTLED_S)
        assert process.popen is not None
        memory_mb, own_mb = resident(process.popen.pid) / 1e6, proportional(process.popen.pid) / 1e6
    return [
        goal_row("memory of the daemon (resident)", round(memory_mb, 1), "MB", "<= 100"),
        Row("memory of the daemon (proportional set size, PSS)", round(own_mb, 1), "MB"),
    ]


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def written(pid: int) -> int:
    found = re.search(r"^write_bytes: (\d+)", Path(f"/proc/{pid}/io").read_text(), re.MULTILINE)
    assert found
    return int(found[1])


def unit_environment() -> tuple[str, ...]:
    """Environment variables of kiosk.service, as NAME=value."""
    text = (PROJECT / "systemd/kiosk.service").read_text(encoding="utf-8")
    return tuple(pair for line in re.findall(r"^Environment=(.+)$", text, re.MULTILINE) for pair in line.split())


def proportional(pid: int) -> int:
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


# ---- rest


def rest_rows(times: int) -> list[Row]:
    """Idle mode: time to the first frame for the gate, from the report of the sensor, or from motion with a failed sensor."""
    sensed, moved = [], []
    for _ in range(times):
        gate = IdleCamera(rest_s=0.5)
        gate.wait_until_idle()
        began_s = time.monotonic()
        gate.presence.on_sensor_change(True)
        gate.frame_slot.take(10.0)
        sensed.append((time.monotonic() - began_s) * 1000)
        gate.wait_until_idle()
        gate.hall.walker = True
        began_s = time.monotonic()
        gate.frame_slot.take(10.0)
        moved.append((time.monotonic() - began_s) * 1000)
        gate.close()
    return [
        Row(
            "idle: sensor detects a person, until the first frame, p95",
            round(float(np.percentile(sensed, 95))),
            "ms",
        ),
        Row("idle: failed sensor, person in view, until the first frame, worst", round(max(moved)), "ms"),
    ]


# ---- exposure


def exposure_rows() -> list[Row]:
    """The score of `systemd-analyze security` for both units."""
    rows = []
    for unit in ("kiosk.service", "kiosk-web.service") if shutil.which("systemd-analyze") else ():
        path = PROJECT / "systemd" / unit
        command = ["systemd-analyze", "security", "--no-pager", "--offline=yes", str(path)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = re.search(r"Overall exposure level for \S+: (\d+\.\d+)", output)
        assert found
        rows.append(goal_row(f"exposure of {unit}", float(found[1]), "of 10", "<= 2.0"))
    return rows


def main() -> None:
    """Print all rows of a quick run as JSON lines."""
    for row in run(quick=True):
        print(json.dumps({name: getattr(row, name) for name in row.__slots__}))


if __name__ == "__main__":
    main()
