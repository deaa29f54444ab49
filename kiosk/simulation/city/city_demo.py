"""Runs the small city: broker, centre, its pages and its enrolment service, and the daemons of all gates, as real processes."""

import os
import re
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kiosk.credentials.issuing.samples import make_sample_data
from kiosk.simulation.city.enrolment_scene import EnrolmentScene, SceneStage
from kiosk.simulation.city.first_rows import NEW_PLACE, PLACES, CityPlace, make_first_rows
from kiosk.simulation.city.gate_process import CityGate, gate_folder, make_gate
from kiosk.simulation.city.shown_code import ShownCode
from kiosk.simulation.processes import ChildProcess, ProcessError, find_mosquitto, free_port, python_module_command
from kiosk.simulation.sandbox import Sandbox
from kiosk.simulation.scenario import Scenario, ScenarioTiming
from kiosk.simulation.visitors import build_visitors
from mqtt.broker.certificates import CertificateAuthority, CertificateUse
from mqtt.centre.enrolment.settings import CentreEnrolmentSettings, write_settings
from mqtt.centre.ingest.database import open_query

POLL_INTERVAL_S = 0.1
START_TIMEOUT_S = 60.0
HOST = "127.0.0.1"
CERTIFICATE_DAYS = 30
BROKER_CONFIG = """\
allow_anonymous true
persistence true
persistence_location {folder}/

listener {plain} 127.0.0.1

listener {tls} 127.0.0.1
cafile {pki}/ca.pem
certfile {pki}/server.pem
keyfile {pki}/server.key
require_certificate true
"""
_PAGE = re.compile(r"^centre web: (http://\S+)$", re.MULTILINE)
_SERVICE = "enrolment: https://"


@dataclass(frozen=True, slots=True)
class CityPorts:
    """Free ports of this machine."""

    plain: int
    tls: int
    enrolment: int


class CityDemo:
    """A context manager: starts all processes and ends them again. One thread."""

    def __init__(
        self,
        folder: Path,
        timing: ScenarioTiming,
        *,
        window_s: float,
        pause_s: float,
        places: tuple[CityPlace, ...] = PLACES,
        on_start: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`folder`: empty. `pause_s`: between the stages of the enrolment. `on_start` gets the name of each process."""
        self.folder = folder
        self.database = str(folder / "centre.db")
        self._on_start = on_start
        self._pause = threading.Event()  # never set: its wait is the only timer here
        self._exit_stack = ExitStack()
        self._ports = CityPorts(free_port(), free_port(), free_port())
        samples = make_sample_data(datetime.now(UTC))
        self.gates: list[CityGate] = []
        for number, place in enumerate(places, 1):
            scenario = Scenario(build_visitors(samples, window_s), timing, loop=True)
            sandbox = Sandbox(gate_folder(folder, number), samples)
            self.gates.append(make_gate(place, sandbox, scenario, broker_port=self._ports.plain, window_s=window_s))
        camera = ShownCode(Scenario(build_visitors(samples, window_s), timing, loop=True))
        sandbox = Sandbox(gate_folder(folder, len(places) + 1), samples)
        self.gates.append(make_gate(NEW_PLACE, sandbox, camera, broker_port=None, window_s=window_s))
        self.password = make_first_rows(self.database, [*places, NEW_PLACE])
        self._prepare_enrolment(samples.root_pem, samples.trust_list, samples.denylist)
        picture = folder / "enrolment-code.png"
        self.scene = EnrolmentScene(self.database, self.gates[-1], camera, picture, pause_s=pause_s)
        self._services = self._make_services()
        self.page_url = ""

    def __enter__(self) -> Self:
        with ExitStack() as exit_stack:
            for gate in self.gates:
                gate.server.start()
                exit_stack.callback(gate.server.close)
            for process in self._services:
                self._start(process, exit_stack)
                self._await_start(process)
            for gate in self.gates:  # all at once: each loads its libraries for seconds
                self._start(gate.process, exit_stack)
            for gate in self.gates:
                self._await_start(gate.process)
            self._exit_stack = exit_stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit_stack.close()

    def _start(self, process: ChildProcess, exit_stack: ExitStack) -> None:
        self._on_start(process.name)
        exit_stack.callback(process.terminate)
        process.start()

    def poll(self) -> None:
        """Wait one interval, then go on with the enrolment. Raises ProcessError and LedgerError."""
        self._pause.wait(POLL_INTERVAL_S)
        for process in (*self._services, *(gate.process for gate in self.gates)):
            process.check_running()
        self.scene.step()

    @property
    def is_complete(self) -> bool:
        """Every gate is ready and has recorded a person, the seventh too, and nothing waits to be sent."""
        found = [gate.status() for gate in self.gates]
        sent = all(one and one["seq"] > 0 and one["outbox"]["backlog_size"] == 0 for one in found)
        return sent and self.scene.stage is SceneStage.DONE

    def _make_services(self) -> list[ChildProcess]:
        """Broker, centre, enrolment service and pages."""
        config = self.folder / "mosquitto.conf"
        text = BROKER_CONFIG.format(
            folder=self.folder, plain=self._ports.plain, tls=self._ports.tls, pki=self.folder / "pki"
        )
        if os.geteuid() == 0:
            text += "user root\n"  # otherwise mosquitto drops its rights and cannot write to our folder
        config.write_text(text, encoding="utf-8")
        pki = self.folder / "pki"
        files = ("--certificate", f"{pki}/server.pem", "--key", f"{pki}/server.key")
        enrolment = ("enrol", "serve", "--pki", str(pki), *files, "--host", HOST, "--port", str(self._ports.enrolment))
        return [
            ChildProcess("broker", [find_mosquitto(), "-c", str(config)], self._log("broker")),
            self._centre("centre", "--broker", f"{HOST}:{self._ports.plain}"),
            self._centre("enrolment", command=enrolment),
            self._centre("pages", command=("web", "--port", "0", "--organisation", "Demo")),
        ]

    def _centre(self, name: str, *options: str, command: tuple[str, ...] = ()) -> ChildProcess:
        words = ("kiosk.cli", "centre", "--database", self.database, *options, *command)
        return ChildProcess(name, python_module_command(*words), self._log(name))

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _prepare_enrolment(self, root: bytes, trust_list: bytes, denylist: bytes) -> None:
        """An authority, the certificate of broker and service, and what the seventh gate gets."""
        now, pki = datetime.now(UTC), self.folder / "pki"
        authority = CertificateAuthority.create(pki, "demo of a city", now)
        authority.issue("server", CertificateUse.SERVER, now, CERTIFICATE_DAYS, [HOST, "localhost"])
        sealing = X25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        settings = CentreEnrolmentSettings(
            url=f"https://{HOST}:{self._ports.enrolment}",
            brokers=(f"{HOST}:{self._ports.tls}",),
            authority=(pki / "ca.pem").read_bytes(),
            root_public_key=root,
            sealing_public_key=sealing,
            trust_list=trust_list,
            denylist=denylist,
        )
        with open_query(self.database) as query:
            write_settings(query, settings)

    def _await_start(self, process: ChildProcess) -> None:
        signs: dict[str, Callable[[], object]] = {
            "broker": lambda: "running" in self._text("broker"),
            "centre": lambda: True,
            "enrolment": lambda: _SERVICE in self._text("enrolment"),
            "pages": self._find_page,
        }
        gates = {gate.process.name: gate.status for gate in self.gates}
        ends_s = time.monotonic() + START_TIMEOUT_S
        while not (signs.get(process.name) or gates[process.name])():
            process.check_running()
            if time.monotonic() > ends_s:
                raise ProcessError(f"{process.name} gives no sign of life. Its last words:\n{process.log_tail()}")
            self._pause.wait(POLL_INTERVAL_S)

    def _text(self, name: str) -> str:
        path = self._log(name)
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def _find_page(self) -> bool:
        found = _PAGE.search(self._text("pages"))
        self.page_url = found.group(1) if found else ""
        return bool(found)
