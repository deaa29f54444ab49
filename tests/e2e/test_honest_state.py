"""The lamp tells the truth: what breaks is shown as broken, heals by itself, and nobody gets green meanwhile."""

import os
import resource
import signal
import time
from collections.abc import Iterator

import pytest

from kiosk.simulation.assertions import count_event_ids
from kiosk.simulation.demo import Demo
from tests.fakes.processes.running_demo import WITHIN_S, await_status, demonstration, fact


@pytest.fixture
def running() -> Iterator[Demo]:
    with demonstration() as started:
        yield started


def test_a_disk_that_takes_no_record_gives_nobody_green_and_heals_by_itself(running: Demo) -> None:
    popen = running.processes["kiosk"].popen
    assert popen is not None
    resource.prlimit(popen.pid, resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))  # no file may grow past it
    found = await_status(running, lambda found: found["state"] == "out-of-order")
    assert fact(found, "storage")["status"] == "fail"
    greens = found["counters"].get("pass", 0)
    for _ in range(40):  # two seconds of people who hold something up
        found = running.poll() or found
    assert found["counters"].get("pass", 0) == greens
    assert found["seq"] == sum(count_event_ids(running.sandbox.database).values())
    resource.prlimit(popen.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    found = await_status(running, lambda found: found["state"] == "ready" and found["counters"].get("pass", 0) > greens)
    assert found["seq"] == sum(count_event_ids(running.sandbox.database).values()), (
        "no number was used up by what failed"
    )


def test_a_camera_that_goes_away_is_out_of_order_and_comes_back_by_itself(running: Demo) -> None:
    running.disconnect_camera()
    found = await_status(running, lambda found: found["state"] == "out-of-order")
    assert fact(found, "camera")["status"] == "fail"
    assert fact(found, "camera")["reason"] == "no-frames"
    running.connect_camera()
    await_status(running, lambda found: found["state"] == "ready")


def people_are_answered_without(running: Demo, killed: str) -> None:
    running.processes[killed].kill()
    before = len(running.decisions)
    ends_s = time.monotonic() + WITHIN_S
    while len(running.decisions) < before + 6:
        assert time.monotonic() < ends_s, f"people are not answered without the {killed}"
        running.read_status()


def test_a_broker_that_goes_away_stops_nobody_at_the_gate(running: Demo) -> None:
    people_are_answered_without(running, "broker")
    found = running.read_status()
    assert found is not None
    assert found["outbox"]["backlog_size"] > 0
    assert not found["uplink"]["connected"]
    running.processes["broker"].start()
    await_status(running, lambda found: found["uplink"]["connected"] and found["outbox"]["backlog_size"] == 0)


def test_a_page_that_is_killed_stops_nobody_at_the_gate(running: Demo) -> None:
    people_are_answered_without(running, "page")
    running.processes["page"].start()
    running.poll()


def test_a_stopped_kiosk_withdraws_its_status_so_that_nobody_believes_an_old_one(running: Demo) -> None:
    assert running.processes["kiosk"].terminate() == 0
    assert running.read_status() is None
    running.processes["kiosk"].start()


def test_a_frozen_daemon_is_seen_by_the_age_of_its_status(running: Demo) -> None:
    popen = running.processes["kiosk"].popen
    assert popen is not None
    os.kill(popen.pid, signal.SIGSTOP)  # SIGSTOP: alive, and not turning
    first, second = running.read_status(), running.poll()
    assert first is not None
    assert second is not None
    assert first["now_at"] == second["now_at"]
    os.kill(popen.pid, signal.SIGCONT)
    await_status(running, lambda found: found["now_at"] != second["now_at"])


def test_a_sensor_that_sends_one_picture_for_ever_is_out_of_order_and_heals_by_itself(running: Demo) -> None:
    running.set_camera_frozen(frozen=True)
    found = await_status(running, lambda found: found["state"] == "out-of-order")
    assert fact(found, "camera")["reason"] == "frozen"
    running.set_camera_frozen(frozen=False)
    await_status(running, lambda found: found["state"] == "ready")
