"""The whole demo with real processes, from camera to centre, while processes are killed."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from kiosk.simulation.assertions import DemoResult, got_expected_decision
from kiosk.simulation.demo import Demo
from kiosk.simulation.sandbox import Sandbox, temporary_sandbox
from kiosk.simulation.visitors import fast_timing

FRAMES_PER_S = 60.0
WINDOW_S = 1.0


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with temporary_sandbox() as found:
        yield found


def play(sandbox: Sandbox, on_poll: Callable[[Demo], None]) -> tuple[Demo, DemoResult]:
    demonstration = Demo(sandbox, fast_timing(FRAMES_PER_S), loop=False, window_s=WINDOW_S)
    with demonstration:
        demonstration.run_once(lambda _: on_poll(demonstration))
    return demonstration, demonstration.check_result()


class ProcessKiller:
    """Kills and restarts a process after a number of decisions, as systemd does. `plan`: number of decisions -> process."""

    def __init__(self, plan: dict[int, str]) -> None:
        self.plan = plan
        self.done: list[str] = []

    def __call__(self, demonstration: Demo) -> None:
        for count, name in sorted(self.plan.items()):
            if len(demonstration.decisions) >= count and name not in self.done:
                self.done.append(name)
                demonstration.processes[name].kill()
                demonstration.processes[name].start()


def test_the_demo_command_loses_and_duplicates_no_event() -> None:
    command = [sys.executable, "-m", "kiosk.cli", "demo", "--once", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stderr
    verdict = json.loads(ended.stdout.splitlines()[-1])
    assert verdict["visitors"] == verdict["as_expected"] == 16
    assert verdict["recorded"] == verdict["received"] == 13
    assert verdict["lost"] == verdict["duplicated"] == 0


def test_all_people_get_decisions_and_no_event_is_lost_although_daemon_broker_and_centre_are_killed(
    sandbox: Sandbox,
) -> None:
    killer = ProcessKiller({2: "kiosk", 5: "broker", 8: "centre"})
    demonstration, verdict = play(sandbox, killer)
    assert killer.done == ["kiosk", "broker", "centre"]
    assert verdict.lost == verdict.duplicated == 0
    assert verdict.recorded == verdict.received >= 13
    unanswered = [
        turn.visitor.description for turn in demonstration.scenario.turns if turn.visitor.expected and not turn.answered
    ]
    assert not unanswered
    wrong = [
        turn.visitor.description
        for turn in demonstration.scenario.turns
        if not got_expected_decision(turn, demonstration.decisions)
    ]
    assert len(wrong) <= 1, "only the person at the gate during the kill may get two decisions"


def test_no_process_is_left_after_the_demo(sandbox: Sandbox) -> None:
    demonstration, _ = play(sandbox, lambda _: None)
    assert all(not process.is_running for process in demonstration.processes.values())
    codes = {name: process.popen.returncode for name, process in demonstration.processes.items() if process.popen}
    assert codes == {"broker": 0, "centre": 0, "kiosk": 0, "page": 0}


def test_no_personal_data_is_in_the_files_of_the_demo(sandbox: Sandbox) -> None:
    demonstration = Demo(sandbox, fast_timing(FRAMES_PER_S), loop=False, window_s=WINDOW_S)
    with demonstration:
        demonstration.run_once()
        names = (sandbox.database.name, f"{sandbox.database.name}-wal", sandbox.centre_database.name)
        left = b"".join((sandbox.folder / name).read_bytes() for name in names if (sandbox.folder / name).exists())
        left += b"".join(path.read_bytes() for path in sandbox.folder.glob("*.log"))
        left += (sandbox.run_dir / "status.json").read_bytes()
        left += b"".join(path.read_bytes() for path in sandbox.folder.glob("mosquitto.db*"))
    assert len(left) > 10_000
    for sample in sandbox.samples.samples:
        assert sample.data not in left, f"the raw code of {sample.label!r} was left behind"
        for secret in sample.person.personal_values() if sample.person else ():
            assert secret.encode() not in left, f"a piece of the person with {sample.label!r} was left behind"
            assert secret.encode().hex().encode() not in left
