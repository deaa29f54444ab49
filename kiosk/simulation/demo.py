"""A demonstration: a broker, a centre, the daemon and the page as real processes, and people in front of the camera."""

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
_PAGE_LINE = re.compile(r"^page: (http://\S+)$", re.MULTILINE)


class Demo:
    """A context manager: entered, everything runs; left, nothing is left behind. One thread."""

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
        """`camera`: another camera than the stage; `trust`: another trust list; `told` hears what is being started."""
        self.sandbox = sandbox
        self.scenario = Scenario(
            [] if camera else build_visitors(sandbox.samples, window_s), timing, loop=loop and not camera
        )
        self.is_simulated = camera is None
        self.decisions: list[ObservedDecision] = []
        self.page_url = ""
        self._on_start = on_start
        self._pause = threading.Event()  # never set: its wait is the only clock here
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
        with ExitStack() as house:
            if self.is_simulated:
                self.connect_camera()
                house.callback(self.disconnect_camera)
            for process in self.processes.values():
                self._on_start(process.name)
                house.callback(process.terminate)
                process.start()
                self._await_start(process)
            self._exit_stack = house.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit_stack.close()

    def connect_camera(self) -> None:
        """Give the daemon's synthetic camera something to connect to."""
        self._frame_server = FrameServer(self.scenario, self._renderer, self.sandbox.frame_socket)
        self._frame_server.start()

    def disconnect_camera(self) -> None:
        """As if somebody pulled the camera's cable; harmless when it is out already."""
        if self._frame_server:
            self._frame_server.close()
        self._frame_server = None

    def set_camera_frozen(self, *, frozen: bool) -> None:
        """As if the sensor sent its last picture for ever, or no longer did."""
        if self._frame_server:
            self._frame_server.frozen = frozen

    def poll(self) -> dict[str, Any] | None:
        """Wait a moment, look at the daemon's status, tell the stage who was answered. Raises ProcessTrouble."""
        self._pause.wait(POLL_INTERVAL_S)
        for process in self.processes.values():
            process.check_running()
        return self.read_status()

    def read_status(self) -> dict[str, Any] | None:
        """The daemon's status now; new answers are noted."""
        found = read_status(self.sandbox.run_dir)
        for shown in found["recent_decisions"] if found else ():
            name = (found["started_at"] + str(found["pid"]), shown["number"]) if found else ("", 0)
            if name not in self._seen:
                self._seen.add(name)
                self.decisions.append(
                    ObservedDecision(shown["frame"], shown["outcome"], shown["reason"], shown["direction"])
                )
                self.scenario.record_answer(shown["frame"])
        return found

    def run_once(self, on_poll: Callable[[dict[str, Any] | None], None] = lambda _: None) -> None:
        """Until the queue was played and everything was delivered. Raises ProcessTrouble, KioskError when it is not."""
        while not self.scenario.is_finished:
            on_poll(self.poll())
        ends_s = time.monotonic() + BACKLOG_TIMEOUT_S
        while (found := self.poll()) is None or found["outbox"]["backlog_size"] > 0:
            if time.monotonic() > ends_s:
                raise KioskError(f"the outbox does not empty: {found['outbox'] if found else 'the kiosk is silent'}")

    def check_result(self) -> DemoResult:
        """Compare the stage, the answers and the two databases."""
        on_device = count_event_ids(self.sandbox.database)
        return check_demo(self.scenario.turns, self.decisions, on_device, count_event_ids(self.sandbox.centre_database))

    def _make_processes(self) -> list[ChildProcess]:
        premises = self.sandbox
        broker_config = premises.folder / "mosquitto.conf"
        text = BROKER_CONFIG.format(port=self._port, folder=premises.folder)
        if os.geteuid() == 0:
            text += "user root\n"  # else it gives up its rights and cannot write into our folder
        broker_config.write_text(text, encoding="utf-8")
        centre = python_module_command(
            *("kiosk", "centre", "--broker", f"127.0.0.1:{self._port}"),
            *("--database", str(premises.centre_database)),
        )
        return [
            ChildProcess("broker", [find_mosquitto(), "-c", str(broker_config)], premises.log_file("broker")),
            ChildProcess("centre", centre, premises.log_file("centre")),
            ChildProcess(
                "kiosk",
                python_module_command("kiosk", "run", "--config", str(premises.config_file)),
                premises.log_file("kiosk"),
            ),
            ChildProcess(
                "page",
                python_module_command("kiosk", "web", "--config", str(premises.config_file)),
                premises.log_file("page"),
            ),
        ]

    def _await_start(self, process: ChildProcess) -> None:
        """Wait for the sign of life that each of them gives."""
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
