"""The displayed state is correct: a fault is shown, recovers by itself, and no person gets green meanwhile."""

import os
import resource
import signal
import time
from collections.abc import Iterator

import pytest

from kiosk.simulation.assertions import count_event_ids
from kiosk.simulation.demo import Demo
from tests.fakes.processes.running_demo import WITHIN_S, await_status, demonstration, find_check


@pytest.fixture
def running() -> Iterator[Demo]:
    with demonstration() as demo:
        yield demo


def test_while_the_disk_fails_no_person_gets_green_and_the_kiosk_recovers_by_itself(running: Demo) -> None:
    popen = running.processes["kiosk"].popen
    assert popen is not None
    resource.prlimit(popen.pid, resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))  # no file can grow beyond it
    found = await_status(running, lambda found: found["state"] == "out-of-order")
    assert find_check(found, "storage")["status"] == "fail"
    greens = found["counters"].get("pass", 0)
    for _ in range(40):  # two seconds with people who show codes
        found = running.poll() or found
    assert found["counters"].get("pass", 0) == greens
    assert found["seq"] == sum(count_event_ids(running.sandbox.database).values())
    resource.prlimit(popen.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    found = await_status(running, lambda found: found["state"] == "ready" and found["counters"].get("pass", 0) > greens)
    assert found["seq"] == sum(count_event_ids(running.sandbox.database).values()), "a failed commit uses no number"


def test_a_disconnected_camera_is_out_of_order_and_recovers_by_itself(running: Demo) -> None:
    running.disconnect_camera()
    found = await_status(running, lambda found: found["state"] == "out-of-order")
    assert find_check(found, "camera")["status"] == "fail"
    assert find_check(found, "camera")["reason"] == "no-frames"
    running.connect_camera()
    await_status(running, lambda found: found["state"] == "ready")


def assert_people_get_decisions_without(running: Demo, killed: str) -> None:
    running.processes[killed].kill()
    before = len(running.decisions)
    ends_s = time.monotonic() + WITHIN_S
    while len(running.decisions) < before + 6:
        assert time.monotonic() < ends_s, f"no decisions without the {killed}"
        running.read_status()


def test_the_gate_works_without_the_broker(running: Demo) -> None:
    assert_people_get_decisions_without(running, "broker")
    found = running.read_status()
    assert found is not None
    assert found["outbox"]["backlog_size"] > 0
    assert not found["uplink"]["connected"]
    running.processes["broker"].start()
    await_status(running, lambda found: found["uplink"]["connected"] and found["outbox"]["backlog_size"] == 0)


def test_the_gate_works_without_the_web_ui(running: Demo) -> None:
    assert_people_get_decisions_without(running, "page")
    running.processes["page"].start()
    running.poll()


def test_a_stopped_kiosk_removes_its_status_file(running: Demo) -> None:
    assert running.processes["kiosk"].terminate() == 0
    assert running.read_status() is None
    running.processes["kiosk"].start()


def test_a_frozen_daemon_is_detected_by_the_age_of_its_status(running: Demo) -> None:
    popen = running.processes["kiosk"].popen
    assert popen is not None
    os.kill(popen.pid, signal.SIGSTOP)  # alive, but its threads do not run
    first, second = running.read_status(), running.poll()
    assert first is not None
    assert second is not None
    assert first["now_at"] == second["now_at"]
    os.kill(popen.pid, signal.SIGCONT)
    await_status(running, lambda found: found["now_at"] != second["now_at"])


def test_a_camera_that_repeats_one_frame_is_out_of_order_and_recovers_by_itself(running: Demo) -> None:
    running.set_camera_frozen(frozen=True)
    found = await_status(running, lambda found: found["state"] == "out-of-order")
    assert find_check(found, "camera")["reason"] == "frozen"
    running.set_camera_frozen(frozen=False)
    await_status(running, lambda found: found["state"] == "ready")
