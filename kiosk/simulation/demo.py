"""The demo: broker, centre, daemon and web UI as real processes, and people in front of the camera."""

import os
import re
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from kiosk.core.ports import KioskError
from kiosk.simulation.assertions import DemoResult, ObservedDecision, check_demo, count_event_ids
from kiosk.simulation.frame_server import FrameServer
from kiosk.simulation.processes import ChildProcess, ProcessError, find_mosquitto, free_port, python_module_command
from kiosk.simulation.renderer import FrameRenderer
from kiosk.simulation.sandbox import Sandbox
from kiosk.simulation.scenario import Scenario, ScenarioTiming
from kiosk.simulation.visitors import build_visitors
from kiosk.system.status_file import read_status

POLL_INTERVAL_S = 0.05
START_TIMEOUT_S = 30.0
BACKLOG_TIMEOUT_S = 60.0
WIDTH, HEIGHT = 960, 540
BROKER_CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
max_queued_messages 1000000
"""
_PAGE_LINE = re.compile(r"^web: (http://\S+)$", re.MULTILINE)


class Demo:
    """A context manager: starts all processes and ends them again. One thread."""

    def __init__(
        self,
        sandbox: Sandbox,
        timing: ScenarioTiming,
        *,
        loop: bool,
        camera: str | None = None,
        window_s: float,
        trust: tuple[Path, Path] | None = None,
        on_start: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`camera`: a real camera instead of the scenario. `trust`: another trust list and root key. `on_start` gets each name."""
        self.sandbox = sandbox
        self.scenario = Scenario(
            [] if camera else build_visitors(sandbox.samples, window_s), timing, loop=loop and not camera
        )
        self.is_simulated = camera is None
        self.decisions: list[ObservedDecision] = []
        self.page_url = ""
        self._on_start = on_start
        self._pause = threading.Event()  # never set: its wait is the only timer here
        self._seen: set[tuple[str, int]] = set()
        self._exit_stack = ExitStack()
        self._renderer = FrameRenderer(WIDTH, HEIGHT)
        self._frame_server: FrameServer | None = None
        self._port = free_port()
        sandbox.run_dir.mkdir()
        sandbox.write_files(
            port=self._port,
            camera=camera or f"synthetic:{sandbox.frame_socket}",
            frames_per_s=timing.frames_per_s,
            window_s=window_s,
            trust=trust,
        )
        self.processes = {process.name: process for process in self._make_processes()}

    def __enter__(self) -> Self:
        with ExitStack() as exit_stack:
            if self.is_simulated:
                self.connect_camera()
                exit_stack.callback(self.disconnect_camera)
            for process in self.processes.values():
                self._on_start(process.name)
                exit_stack.callback(process.terminate)
                process.start()
                self._await_start(process)
            self._exit_stack = exit_stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit_stack.close()

    def connect_camera(self) -> None:
        """Start the frame server that the daemon's synthetic camera connects to."""
        self._frame_server = FrameServer(self.scenario, self._renderer, self.sandbox.frame_socket)
        self._frame_server.start()

    def disconnect_camera(self) -> None:
        """Simulate an unplugged camera. Does nothing if it is unplugged already."""
        if self._frame_server:
            self._frame_server.close()
        self._frame_server = None

    def set_camera_frozen(self, *, frozen: bool) -> None:
        """Simulate a sensor that repeats its last image, or end the simulation."""
        if self._frame_server:
            self._frame_server.frozen = frozen

    def poll(self) -> dict[str, Any] | None:
        """Wait one interval, read the daemon's status and report new decisions to the scenario. Raises ProcessError."""
        self._pause.wait(POLL_INTERVAL_S)
        for process in self.processes.values():
            process.check_running()
        return self.read_status()

    def read_status(self) -> dict[str, Any] | None:
        """Read the daemon's status and note new decisions."""
        found = read_status(self.sandbox.run_dir)
        for shown in found["recent_decisions"] if found else ():
            name = (found["started_at"] + str(found["pid"]), shown["number"]) if found else ("", 0)
            if name not in self._seen:
                self._seen.add(name)
                self.decisions.append(
                    ObservedDecision(shown["frame_number"], shown["outcome"], shown["reason"], shown["direction"])
                )
                self.scenario.record_answer(shown["frame_number"])
        return found

    def run_once(self, on_poll: Callable[[dict[str, Any] | None], None] = lambda _: None) -> None:
        """Play all visitors once and wait for delivery. Raises ProcessError, or KioskError if a backlog remains."""
        while not self.scenario.is_finished:
            on_poll(self.poll())
        ends_s = time.monotonic() + BACKLOG_TIMEOUT_S
        while (found := self.poll()) is None or found["outbox"]["backlog_size"] > 0:
            if time.monotonic() > ends_s:
                raise KioskError(
                    f"the backlog was not delivered: {found['outbox'] if found else 'the kiosk does not respond'}"
                )

    def check_result(self) -> DemoResult:
        """Compare scenario, decisions and both databases."""
        on_device = count_event_ids(self.sandbox.database)
        return check_demo(self.scenario.turns, self.decisions, on_device, count_event_ids(self.sandbox.centre_database))

    def _make_processes(self) -> list[ChildProcess]:
        sandbox = self.sandbox
        broker_config = sandbox.folder / "mosquitto.conf"
        text = BROKER_CONFIG.format(port=self._port, folder=sandbox.folder)
        if os.geteuid() == 0:
            text += "user root\n"  # otherwise mosquitto drops its rights and cannot write to our folder
        broker_config.write_text(text, encoding="utf-8")
        centre = python_module_command(
            *("kiosk.cli", "centre", "--broker", f"127.0.0.1:{self._port}"),
            *("--database", str(sandbox.centre_database)),
        )
        return [
            ChildProcess("broker", [find_mosquitto(), "-c", str(broker_config)], sandbox.log_file("broker")),
            ChildProcess("centre", centre, sandbox.log_file("centre")),
            ChildProcess(
                "kiosk",
                python_module_command("kiosk.cli", "run", "--config", str(sandbox.config_file)),
                sandbox.log_file("kiosk"),
            ),
            ChildProcess(
                "page",
                python_module_command("kiosk.cli", "web", "--config", str(sandbox.config_file)),
                sandbox.log_file("page"),
            ),
        ]

    def _await_start(self, process: ChildProcess) -> None:
        signs: dict[str, Callable[[], object]] = {
            "broker": lambda: "running" in process.log_file.read_text(encoding="utf-8", errors="replace"),
            "centre": self.sandbox.centre_database.exists,
            "kiosk": self.read_status,
            "page": self._find_page,
        }
        ends_s = time.monotonic() + START_TIMEOUT_S
        while not signs[process.name]():
            process.check_running()
            if time.monotonic() > ends_s:
                raise ProcessError(f"{process.name} gives no sign of life. Its last words:\n{process.log_tail()}")
            self._pause.wait(POLL_INTERVAL_S)

    def _find_page(self) -> bool:
        found = _PAGE_LINE.search(self.processes["page"].log_file.read_text(encoding="utf-8", errors="replace"))
        self.page_url = found.group(1) if found else ""
        return bool(found)
