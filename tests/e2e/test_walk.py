"""The whole walk, with real processes: people in front of the camera, lamp, disk, broker, centre; and things being killed."""

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
def premises() -> Iterator[Sandbox]:
    with temporary_sandbox() as found:
        yield found


def played(premises: Sandbox, each_turn: Callable[[Demo], None]) -> tuple[Demo, DemoResult]:
    demonstration = Demo(premises, fast_timing(FRAMES_PER_S), loop=False, window_s=WINDOW_S)
    with demonstration:
        demonstration.run_once(lambda _: each_turn(demonstration))
    return demonstration, demonstration.check_result()


class KilledInTheMiddle:
    """kill -9 of a process once so many answers were given, and its restart, as systemd would."""

    def __init__(self, plan: dict[int, str]) -> None:
        self.plan = plan
        self.done: list[str] = []

    def __call__(self, demonstration: Demo) -> None:
        for answers, name in sorted(self.plan.items()):
            if len(demonstration.decisions) >= answers and name not in self.done:
                self.done.append(name)
                demonstration.processes[name].kill()
                demonstration.processes[name].start()


def test_the_demo_command_plays_its_queue_and_nothing_is_lost_or_doubled() -> None:
    command = [sys.executable, "-m", "kiosk", "demo", "--once", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stderr
    verdict = json.loads(ended.stdout.splitlines()[-1])
    assert verdict["recent_decisions"] == verdict["expected_outcomes_met"] == 16
    assert verdict["passages"] == verdict["received"] == 13
    assert verdict["lost"] == verdict["doubled"] == 0


def test_everybody_is_answered_and_nothing_lost_though_daemon_broker_and_centre_are_killed(premises: Sandbox) -> None:
    killer = KilledInTheMiddle({2: "kiosk", 5: "broker", 8: "centre"})
    demonstration, verdict = played(premises, killer)
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
    assert len(wrong) <= 1, "only whoever stood there while the daemon was killed may have been answered twice"


def test_nothing_that_was_killed_or_ended_leaves_a_process_behind(premises: Sandbox) -> None:
    demonstration, _ = played(premises, lambda _: None)
    assert all(not process.is_running for process in demonstration.processes.values())
    codes = {name: process.popen.returncode for name, process in demonstration.processes.items() if process.popen}
    assert codes == {"broker": 0, "centre": 0, "kiosk": 0, "page": 0}


def test_no_piece_of_any_persons_data_is_in_any_file_that_the_walk_leaves(premises: Sandbox) -> None:
    demonstration = Demo(premises, fast_timing(FRAMES_PER_S), loop=False, window_s=WINDOW_S)
    with demonstration:
        demonstration.run_once()
        names = (premises.database.name, f"{premises.database.name}-wal", premises.centre_database.name)
        left = b"".join((premises.folder / name).read_bytes() for name in names if (premises.folder / name).exists())
        left += b"".join(path.read_bytes() for path in premises.folder.glob("*.log"))
        left += (premises.run_dir / "status.json").read_bytes()
        left += b"".join(path.read_bytes() for path in premises.folder.glob("mosquitto.db*"))
    assert len(left) > 10_000
    for sample in premises.samples.samples:
        assert sample.data not in left, f"the raw code of {sample.label!r} was left behind"
        for secret in sample.person.personal_values() if sample.person else ():
            assert secret.encode() not in left, f"a piece of the person with {sample.label!r} was left behind"
            assert secret.encode().hex().encode() not in left
