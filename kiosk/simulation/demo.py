"""A demonstration: a broker, a centre, the daemon and the page as real processes, and people in front of the camera."""

import os
import re
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from kiosk.core import status
from kiosk.core.ports import KioskError
from kiosk.simulation.assertions import Answer, Verdict, ids_in, judge
from kiosk.simulation.frame_server import StageServer
from kiosk.simulation.processes import Process, ProcessTrouble, free_port, mosquitto, python_module
from kiosk.simulation.renderer import Painter
from kiosk.simulation.sandbox import Premises
from kiosk.simulation.scenario import Pace, Stage
from kiosk.simulation.visitors import queue_of

TURN_S = 0.05
START_WITHIN_S = 30.0
DRAIN_WITHIN_S = 60.0
WIDTH, HEIGHT = 960, 540
BROKER_CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
max_queued_messages 1000000
"""
_PAGE_LINE = re.compile(r"^page: (http://\S+)$", re.MULTILINE)


class Demonstration:
    """A context manager: entered, everything runs; left, nothing is left behind. One thread."""

    def __init__(
        self,
        sandbox: Premises,
        timing: Pace,
        *,
        loop: bool,
        camera: str | None = None,
        window_s: float,
        trust: tuple[Path, Path] | None = None,
        on_start: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`camera`: another camera than the stage; `trust`: another trust list; `told` hears what is being started."""
        self.premises = sandbox
        self.stage = Stage([] if camera else queue_of(sandbox.world, window_s), timing, loop=loop and not camera)
        self.staged = camera is None
        self.answers: list[Answer] = []
        self.page = ""
        self._told = on_start
        self._pause = threading.Event()  # never set: its wait is the only clock here
        self._seen: set[tuple[str, int]] = set()
        self._house = ExitStack()
        self._painter = Painter(WIDTH, HEIGHT)
        self._camera: StageServer | None = None
        self._port = free_port()
        sandbox.run_dir.mkdir()
        sandbox.furnish(
            port=self._port,
            camera=camera or f"synthetic:{sandbox.stage_socket}",
            frames_per_s=timing.frames_per_s,
            window_s=window_s,
            trust=trust,
        )
        self.processes = {process.name: process for process in self._make_processes()}

    def __enter__(self) -> Self:
        with ExitStack() as house:
            if self.staged:
                self.plug()
                house.callback(self.unplug)
            for process in self.processes.values():
                self._told(process.name)
                house.callback(process.end)
                process.start()
                self._await_start(process)
            self._house = house.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._house.close()

    def plug(self) -> None:
        """Give the daemon's synthetic camera something to connect to."""
        self._camera = StageServer(self.stage, self._painter, self.premises.stage_socket)
        self._camera.start()

    def unplug(self) -> None:
        """As if somebody pulled the camera's cable; harmless when it is out already."""
        if self._camera:
            self._camera.close()
        self._camera = None

    def freeze(self, *, frozen: bool) -> None:
        """As if the sensor sent its last picture for ever, or no longer did."""
        if self._camera:
            self._camera.frozen = frozen

    def turn(self) -> dict[str, Any] | None:
        """Wait a moment, look at the daemon's status, tell the stage who was answered. Raises ProcessTrouble."""
        self._pause.wait(TURN_S)
        for process in self.processes.values():
            process.must_run()
        return self.look()

    def look(self) -> dict[str, Any] | None:
        """The daemon's status now; new answers are noted."""
        found = status.load(self.premises.run_dir)
        for shown in found["shown"] if found else ():
            name = (found["started_at"] + str(found["pid"]), shown["number"]) if found else ("", 0)
            if name not in self._seen:
                self._seen.add(name)
                self.answers.append(Answer(shown["frame"], shown["outcome"], shown["reason"], shown["direction"]))
                self.stage.answered(shown["frame"])
        return found

    def play_once(self, on_poll: Callable[[dict[str, Any] | None], None] = lambda _: None) -> None:
        """Until the queue was played and everything was delivered. Raises ProcessTrouble, KioskError when it is not."""
        while not self.stage.over:
            on_poll(self.turn())
        ends_s = time.monotonic() + DRAIN_WITHIN_S
        while (found := self.turn()) is None or found["outbox"]["depth"] > 0:
            if time.monotonic() > ends_s:
                raise KioskError(f"the outbox does not empty: {found['outbox'] if found else 'the kiosk is silent'}")

    def verdict(self) -> Verdict:
        """Compare the stage, the answers and the two databases."""
        on_device = ids_in(self.premises.records)
        return judge(self.stage.turns, self.answers, on_device, ids_in(self.premises.centre_database))

    def _make_processes(self) -> list[Process]:
        premises = self.premises
        broker_config = premises.folder / "mosquitto.conf"
        text = BROKER_CONFIG.format(port=self._port, folder=premises.folder)
        if os.geteuid() == 0:
            text += "user root\n"  # else it gives up its rights and cannot write into our folder
        broker_config.write_text(text, encoding="utf-8")
        centre = python_module(
            *("kiosk", "centre", "--broker", f"127.0.0.1:{self._port}"),
            *("--database", str(premises.centre_database)),
        )
        return [
            Process("broker", [mosquitto(), "-c", str(broker_config)], premises.log("broker")),
            Process("centre", centre, premises.log("centre")),
            Process("kiosk", python_module("kiosk", "run", "--config", str(premises.config)), premises.log("kiosk")),
            Process("page", python_module("kiosk", "web", "--config", str(premises.config)), premises.log("page")),
        ]

    def _await_start(self, process: Process) -> None:
        """Wait for the sign of life that each of them gives."""
        signs: dict[str, Callable[[], object]] = {
            "broker": lambda: "running" in process.log.read_text(encoding="utf-8", errors="replace"),
            "centre": self.premises.centre_database.exists,
            "kiosk": self.look,
            "page": self._find_page,
        }
        ends_s = time.monotonic() + START_WITHIN_S
        while not signs[process.name]():
            process.must_run()
            if time.monotonic() > ends_s:
                raise ProcessTrouble(f"{process.name} gives no sign of life. Its last words:\n{process.last_words()}")
            self._pause.wait(TURN_S)

    def _find_page(self) -> bool:
        found = _PAGE_LINE.search(self.processes["page"].log.read_text(encoding="utf-8", errors="replace"))
        self.page = found.group(1) if found else ""
        return bool(found)
