"""The real daemon as a process, with a camera that replays a folder of images which the test changes meanwhile."""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import segno

from kiosk.core.frame import Luma
from kiosk.simulation.processes import ChildProcess
from kiosk.simulation.sandbox import Sandbox, temporary_sandbox
from kiosk.storage.database import open_writer
from kiosk.system.status_file import read_status

WIDTH, HEIGHT = 1280, 720
_tick = threading.Event()


def empty_scene(seed: int = 0) -> Luma:
    """A gate without people: a wall, a door frame, sensor noise."""
    noise = np.random.default_rng(seed).normal(0.0, 2.0, (HEIGHT, WIDTH))
    scene = np.full((HEIGHT, WIDTH), 110.0)
    scene[:, 500:530] = 60.0
    scene[560:, :] = 140.0
    return np.asarray(np.clip(scene + noise, 0, 255), np.uint8)


def with_code(text: str, seed: int) -> Luma:
    """The same gate with a code, 5 pixels per module."""
    dots = np.array([[0 if dark else 255 for dark in row] for row in segno.make(text, error="m").matrix], np.uint8)
    code = np.kron(np.pad(dots, 4, constant_values=255), np.ones((5, 5), np.uint8))
    scene = empty_scene(seed).copy()
    scene[150 : 150 + code.shape[0], 560 : 560 + code.shape[1]] = code
    return np.asarray(cv2.GaussianBlur(scene, (3, 3), 0), np.uint8)


def put(folder: Path, name: str, picture: Luma) -> None:
    """Write an image file in a cheap format, by an atomic rename."""
    assert cv2.imwrite(str(folder / f".{name}.pgm"), picture)
    (folder / f".{name}.pgm").rename(folder / f"{name}.pgm")


@contextlib.contextmanager
def daemon(
    pictures: Path,
    run_dir: Path,
    frames_per_s: float,
    *variables: str,
    changes: Mapping[str, str] | None = None,
    command: Sequence[str] = ("kiosk.app.start", "--config"),
) -> Iterator[tuple[Sandbox, ChildProcess]]:
    """Run the daemon on a folder of images, with its status in `run_dir`.

    `variables`: NAME=value for its environment. `changes`: line of its configuration -> replacement. `command`: another
    module that runs it. Its database exists and is empty, as after the first start.
    """
    with temporary_sandbox(camera=f"replay:{pictures}", frames_per_s=frames_per_s) as sandbox:
        text = sandbox.config_file.read_text(encoding="utf-8")
        for old, new in {'run_dir = "run"': f'run_dir = "{run_dir}"', **(changes or {})}.items():
            assert old in text, f"no line {old} in the configuration"
            text = text.replace(old, new)
        sandbox.config_file.write_text(text, encoding="utf-8")
        open_writer(sandbox.database).close()
        full_command = ["env", *variables, sys.executable, "-m", *command, str(sandbox.config_file)]
        process = ChildProcess("daemon", full_command, sandbox.log_file("daemon"))
        process.start()
        try:
            yield sandbox, process
        finally:
            process.terminate()


def until(ask: Callable[[], bool], timeout_s: float, step_s: float = 0.02) -> float:
    """Seconds until `ask` returned True. Raises TimeoutError."""
    began_s = time.monotonic()
    while not ask():
        if time.monotonic() - began_s > timeout_s:
            raise TimeoutError(f"not within {timeout_s:g} s")
        _tick.wait(step_s)
    return time.monotonic() - began_s


def state(run_dir: Path) -> str:
    """The state published by the daemon, which its lamps show too."""
    return str((read_status(run_dir) or {}).get("state", ""))


def shows(run_dir: Path, expected: str) -> bool:
    return state(run_dir) == expected


class Scenes:
    """The folder of images that the daemon replays, with methods that simulate camera faults."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept = folder.with_name("kept")
        folder.mkdir()
        self.well()

    def fill(self, make: Callable[[int], Luma]) -> None:
        for number in range(30):
            put(self.folder, f"{number:02d}", make(number))

    def well(self) -> None:
        self.fill(empty_scene)

    def unplug(self) -> None:
        self.folder.rename(self._kept)

    def plug_in(self) -> None:
        self._kept.rename(self.folder)

    def hang(self) -> None:
        """Replace the images by pipes without a writer: the read of the driver hangs."""
        for path in sorted(self.folder.glob("*.pgm")):
            path.unlink()
            os.mkfifo(path)

    def let_go(self) -> None:
        """Replace the pipes by images and end the read that hangs."""
        pipes = [os.open(path, os.O_RDWR) for path in sorted(self.folder.glob("*.pgm"))]
        self.well()
        for pipe in pipes:
            os.close(pipe)
