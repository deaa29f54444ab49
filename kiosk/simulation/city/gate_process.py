"""One gate of the city: its folder, its configuration, its camera and its daemon."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kiosk.simulation.city.first_rows import CityPlace
from kiosk.simulation.frame_server import FrameScript, FrameServer
from kiosk.simulation.processes import ChildProcess, python_module_command
from kiosk.simulation.renderer import FrameRenderer
from kiosk.simulation.sandbox import Sandbox
from kiosk.system.status_file import read_status

WIDTH, HEIGHT = 960, 540
UNNAMED = """\
run_dir = "run"

[camera]
source = "synthetic:{socket}"
width = {width}
height = {height}
frames_per_s = {frames_per_s}

[gpio]
pin_factory = "mock"

[enrolment]
folder = "enrolment"
join_wifi = false

[visit]
repeat_window_s = {window_s}

[storage]
path = "events.db"

[web]
port = 0
"""
"""A gate that waits for its name."""


@dataclass(frozen=True, slots=True)
class CityGate:
    """One gate."""

    place: CityPlace
    sandbox: Sandbox
    server: FrameServer
    process: ChildProcess

    def status(self) -> dict[str, Any]:
        """What its daemon says. Empty: it does not answer yet."""
        return read_status(self.sandbox.run_dir) or {}


def make_gate(
    place: CityPlace, sandbox: Sandbox, script: FrameScript, *, broker_port: int | None, window_s: float
) -> CityGate:
    """Write its files. `broker_port`: of the listener without TLS. None: it has no name yet, and an enrolment brings the rest."""
    sandbox.run_dir.mkdir(parents=True)
    frames_per_s = script.timing.frames_per_s
    if broker_port is None:
        values = {"socket": sandbox.frame_socket, "width": WIDTH, "height": HEIGHT}
        text = UNNAMED.format(**values, frames_per_s=frames_per_s, window_s=window_s)
    else:
        camera = f"synthetic:{sandbox.frame_socket}"
        sandbox.write_files(port=broker_port, camera=camera, frames_per_s=frames_per_s, window_s=window_s)
        text = sandbox.config_file.read_text(encoding="utf-8")
        text = text.replace('site = "cho-mau"\ndevice = "cong-1"', f'site = "{place.site}"\ndevice = "{place.device}"')
    sandbox.config_file.write_text(text, encoding="utf-8")
    server = FrameServer(script, FrameRenderer(WIDTH, HEIGHT), sandbox.frame_socket)
    command = python_module_command("kiosk.cli", "run", "--config", str(sandbox.config_file))
    return CityGate(place, sandbox, server, ChildProcess(place.wire_name, command, sandbox.log_file("kiosk")))


def gate_folder(city: Path, number: int) -> Path:
    """The folder of a gate, which is made. Short, because a Unix socket in it has at most 107 characters."""
    folder = city / f"g{number}"
    folder.mkdir()
    return folder
