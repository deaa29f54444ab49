"""Bad configurations for real kiosks: each comes back by itself and is reported, also when it is killed in its trial.

`python -m tests.faults.configuration_trials --kiosks 2 --kills 5`. Prints a row for each case, with the seconds from the change
until the centre knew that the kiosk was back. Exit status 1 if a kiosk stayed with a bad configuration or did not say why.
"""

import argparse
import itertools
import json
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kiosk.config.overlay.changeable import check_values
from kiosk.simulation.processes import ChildProcess, python_module_command
from kiosk.simulation.sandbox import temporary_sandbox
from mqtt.centre.configuration.schema import prepare_configuration
from mqtt.centre.configuration.scopes import DEVICE, Scope
from mqtt.centre.configuration.sending import DeviceConfiguration, read_reports
from mqtt.centre.configuration.store import Change, change_values
from mqtt.centre.ingest.database import open_query
from mqtt.remote.configuration import TrialState, values_sha256
from tests.fakes.processes.broker import Broker

SITE = "cho-mau"
CASES: dict[str, dict[str, object]] = {
    "cut-link": {"mqtt.topic_prefix": "elsewhere"},
    "wrong-broker": {"mqtt.brokers": ["127.0.0.1:1"]},
    "dead-camera": {"camera.source": "webcam:63"},
}
GOOD = {"access.capacity": 77}
_UNIQUE = itertools.count(100)
START_S, BACK_S = 120.0, 420.0
"""A busy machine starts several kiosks in minutes. The seconds of each case are printed."""
_PAUSE = threading.Event()


@dataclass(frozen=True, slots=True)
class Kiosk:
    """A kiosk of its own, as a process."""

    name: str
    process: ChildProcess


class Fleet:
    """One broker, one centre, and kiosks."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        self.broker, self.database = broker, str(folder / "centre.db")
        self.folder = folder
        prepare_configuration(self.database)

    def report(self, kiosk: str) -> DeviceConfiguration | None:
        with open_query(self.database) as query:
            return next(iter(read_reports(query, f"{SITE}/{kiosk}")), None)

    def want(self, kiosk: str, values: dict[str, object]) -> None:
        scope = Scope(DEVICE, f"{SITE}/{kiosk}")
        change = Change(scope, values, (), "cli:test", "a test of trials")
        with open_query(self.database) as query:
            change_values(query, change, check_values, datetime.now(UTC))

    def take_back(self, kiosk: str, names: list[str]) -> None:
        change = Change(Scope(DEVICE, f"{SITE}/{kiosk}"), {}, names, "cli:test", "a test of trials")
        with open_query(self.database) as query:
            change_values(query, change, check_values, datetime.now(UTC))

    def await_report(self, kiosk: str, done: Callable[[DeviceConfiguration], bool], within_s: float) -> float | None:
        """Seconds until it holds. None: it never did."""
        begun_s = time.monotonic()
        while time.monotonic() < begun_s + within_s:
            found = self.report(kiosk)
            if found is not None and done(found):
                return time.monotonic() - begun_s
            _PAUSE.wait(0.5)
        return None


@contextmanager
def running(count: int) -> Iterator[tuple[Fleet, list[Kiosk]]]:
    """All processes. They end with the block."""
    with ExitStack() as stack:
        broker = stack.enter_context(Broker())
        sandboxes = [
            stack.enter_context(temporary_sandbox(port=broker.port, camera="synthetic", frames_per_s=2.0))
            for _ in range(count)
        ]
        fleet = Fleet(broker, sandboxes[0].folder)
        public_key = (sandboxes[0].folder / "fleet.pem").read_bytes()
        options = ["--broker", f"127.0.0.1:{broker.port}", "--database", fleet.database]
        command = ["kiosk.cli", "centre", *options, "--fleet-key", str(sandboxes[0].fleet_key)]
        centre = ChildProcess("centre", python_module_command(*command), sandboxes[0].log_file("centre"))
        centre.start()
        stack.callback(centre.terminate)
        kiosks = []
        for number, sandbox in enumerate(sandboxes, 1):
            sandbox.run_dir.mkdir()
            (sandbox.folder / "fleet.pem").write_bytes(public_key)
            text = sandbox.config_file.read_text(encoding="utf-8").replace('"cong-1"', f'"gate-{number}"')
            sandbox.config_file.write_text(text, encoding="utf-8")
            program = python_module_command("kiosk.app.start", "--config", str(sandbox.config_file))
            process = ChildProcess(f"gate-{number}", program, sandbox.log_file("kiosk"))
            process.start()
            stack.callback(process.terminate)
            kiosks.append(Kiosk(f"gate-{number}", process))
        for kiosk in kiosks:
            if fleet.await_report(kiosk.name, lambda _: True, START_S) is None:
                raise AssertionError(f"{kiosk.name} did not start:\n{kiosk.process.log_tail()}")
        yield fleet, kiosks


def try_good(fleet: Fleet, kiosk: Kiosk) -> dict[str, object]:
    """A change that works is kept."""
    fleet.want(kiosk.name, dict(GOOD))
    wanted = values_sha256(GOOD)
    took_s = fleet.await_report(kiosk.name, lambda found: found.sha256 == wanted, BACK_S)
    return {"case": "good", "kiosk": kiosk.name, "seconds": took_s, "ok": took_s is not None}


def try_bad(fleet: Fleet, kiosk: Kiosk, case: str, kill_after_s: float | None = None) -> dict[str, object]:
    """A change that does not work is rolled back and reported. `kill_after_s`: the process is killed in its trial."""
    before = fleet.report(kiosk.name)
    assert before is not None
    bad = {**CASES[case], "access.capacity": next(_UNIQUE)}  # what failed once is not sent again
    fleet.want(kiosk.name, bad)
    wanted, begun_s = values_sha256(bad), time.monotonic()
    if kill_after_s is not None:
        _PAUSE.wait(kill_after_s)
        kiosk.process.kill()
        kiosk.process.start()
    came_back = fleet.await_report(
        kiosk.name, lambda found: found.tried_sha256 == wanted and found.state == TrialState.ROLLED_BACK, BACK_S
    )
    found = fleet.report(kiosk.name)
    assert found is not None
    ok = came_back is not None and found.sha256 == before.sha256 and kiosk.process.is_running
    took_s = None if came_back is None else round(time.monotonic() - begun_s, 1)
    fleet.take_back(kiosk.name, list(CASES[case]))
    fleet.want(kiosk.name, dict(GOOD))
    name = case if kill_after_s is None else f"{case}, killed after {kill_after_s:.1f} s"
    seen = {"state": found.state, "code": found.code, "detail": found.detail, "is_bad": found.sha256 == wanted}
    return {"case": name, "kiosk": kiosk.name, "seconds": took_s, **seen, "ok": ok}


def run_kiosk(fleet: Fleet, kiosk: Kiosk, cases: list[tuple[str, float | None]], rows: list[dict[str, object]]) -> None:
    """All cases of one kiosk, one after the other."""
    rows.append(try_good(fleet, kiosk))
    print(json.dumps(rows[-1]), flush=True)
    for case, kill_after_s in cases:
        rows.append(try_bad(fleet, kiosk, case, kill_after_s))
        print(json.dumps(rows[-1]), flush=True)


def main() -> None:
    """Run the cases. Each kiosk has its own, and all kiosks work at the same time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kiosks", type=int, default=3)
    parser.add_argument(
        "--rounds", type=int, default=1, help="each kiosk takes so many bad configurations of each kind it has"
    )
    parser.add_argument(
        "--kills", type=int, default=0, help="so many further bad configurations in which a kiosk is killed"
    )
    options = parser.parse_args()
    chance, names = random.Random(19), list(CASES)
    plans: list[list[tuple[str, float | None]]] = [[] for _ in range(options.kiosks)]
    for number in range(max(len(names), options.kiosks) * options.rounds):
        plans[number % options.kiosks].append((names[number % len(names)], None))
    for number in range(options.kills):
        plans[number % options.kiosks].append((names[number % len(names)], chance.uniform(0.5, 30.0)))
    rows: list[dict[str, object]] = []
    with running(options.kiosks) as (fleet, kiosks):
        threads = [
            threading.Thread(target=run_kiosk, args=(fleet, kiosk, plan, rows))
            for kiosk, plan in zip(kiosks, plans, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    planned = options.kiosks + sum(map(len, plans))
    failed = [row for row in rows if not row["ok"]]
    slowest = max((float(str(row["seconds"])) for row in rows if row["seconds"] is not None), default=0.0)
    print(f"{len(rows)} of {planned} cases, {len(failed)} failed, the slowest took {slowest:.0f} s")
    sys.exit(1 if failed or len(rows) < planned else 0)


if __name__ == "__main__":
    main()
