"""Commands to the running kiosk, and newer lists in its folder."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from kiosk.app import control_socket
from kiosk.app.control_socket import (
    AcknowledgeReleaseCommand,
    AdmitCommand,
    CapturePreviewCommand,
    PauseCommand,
    ReleaseQuarantineCommand,
    ShowSignalCommand,
    UndoCommand,
)
from kiosk.core.model import Direction, ManualReason, Outcome
from kiosk.credentials.trust import denylist
from kiosk.decoding.preview.preview import MAX_JPEG_BYTES
from kiosk.simulation.demo import Demo
from kiosk.system import logs
from tests.fakes.processes.running_demo import await_status, demonstration, find_check


@pytest.fixture(scope="module")
def running() -> Iterator[Demo]:
    with demonstration() as demo:
        yield demo


def send(running: Demo, command: control_socket.Command) -> control_socket.Response:
    response = control_socket.send_command(running.sandbox.run_dir, command)
    assert response.ok, response.message
    return response


def test_a_manual_admission_is_recorded_counted_and_delivered(running: Demo) -> None:
    before = running.poll()
    assert before is not None
    response = send(running, AdmitCommand(Direction.IN))
    found = await_status(running, lambda found: any(each["reason"] == "manual" for each in found["recent_decisions"]))
    admitted = next(each for each in found["recent_decisions"] if each["reason"] == "manual")
    assert admitted["seq"] == response.detail["seq"]
    assert (admitted["outcome"], admitted["direction"]) == ("pass", "in")
    await_status(running, lambda found: found["outbox"]["backlog_size"] == 0)


def test_a_manual_admission_can_be_undone_once_and_both_events_are_delivered(running: Demo) -> None:
    send(running, PauseCommand(paused=True))
    seq = send(running, AdmitCommand(Direction.IN, ManualReason.ASSISTED)).detail["seq"]
    found = await_status(running, lambda found: found["undo"] is not None and found["undo"]["seq"] == seq)
    assert (found["undo"]["direction"], found["undo"]["reason"], found["undo"]["kind"]) == ("in", "manual", None)
    assert 0 < found["undo"]["remaining_s"] <= 30
    inside = found["occupancy"]
    wrong = control_socket.send_command(running.sandbox.run_dir, UndoCommand(ManualReason.MISTAKE, seq - 1))
    assert (wrong.ok, wrong.error_code) == (False, "newer-event")
    response = send(running, UndoCommand(ManualReason.MISTAKE, seq))
    assert response.detail == {"seq": seq + 1, "annulled_seq": seq, "direction": "in"}
    found = await_status(running, lambda found: found["undo"] is None and found["occupancy"] == inside - 1)
    undone, undo = found["recent_decisions"][-2:]
    assert (undone["seq"], undone["outcome"], undone["annulled"]) == (seq, "pass", True)
    assert (undo["outcome"], undo["reason"], undo["annuls_seq"]) == ("check-again", "annulled", seq)
    assert found["counters"]["annulled"] == 1
    again = control_socket.send_command(running.sandbox.run_dir, UndoCommand(ManualReason.MISTAKE))
    assert (again.ok, again.error_code) == (False, "already-undone")
    await_status(running, lambda found: found["outbox"]["backlog_size"] == 0)
    send(running, PauseCommand(paused=False))


def test_a_paused_kiosk_is_out_of_order_and_decides_nothing_until_it_is_resumed(running: Demo) -> None:
    assert send(running, PauseCommand(paused=True)).detail == {"paused": True}
    paused = await_status(running, lambda found: found["state"] == "out-of-order")
    assert find_check(paused, "paused")["status"] == "fail"
    # The frame that was in hand is answered to its end.
    after = await_status(running, lambda found: found["now_at"] > paused["now_at"])
    found = await_status(running, lambda found: found["now_at"] > after["now_at"])
    answered = found["counters"]
    for _ in range(20):
        found = running.poll() or found
    assert found["counters"] == answered
    send(running, PauseCommand(paused=False))
    await_status(running, lambda found: found["state"] == "ready" and found["counters"] != answered)


def test_showing_a_signal_and_releasing_the_quarantine_record_no_event(running: Demo) -> None:
    send(running, ShowSignalCommand(Outcome.FAIL))
    assert send(running, ReleaseQuarantineCommand()).detail == {"released": 0}


def test_a_preview_comes_from_the_running_camera_and_does_not_stop_decisions(running: Demo) -> None:
    before = running.poll()
    assert before is not None
    detail = send(running, CapturePreviewCommand()).detail
    jpeg = base64.b64decode(detail["jpeg"])
    assert jpeg.startswith(b"\xff\xd8")
    assert len(jpeg) <= MAX_JPEG_BYTES
    assert detail["advice"]
    assert set(detail["advice"][0]) == {"code", "is_ok"}
    await_status(running, lambda found: found["counters"] != before["counters"])


def test_the_last_log_lines_are_in_the_run_directory(running: Demo) -> None:
    send(running, PauseCommand(paused=False))
    lines = logs.read_log_tail(running.sandbox.run_dir)
    assert any("has started" in line.text for line in lines)
    assert lines[-1].text.startswith("command pause from process")


def test_a_newer_denylist_is_used_without_a_restart_and_an_older_one_is_ignored(
    running: Demo,
) -> None:
    world = running.sandbox.samples
    file = running.sandbox.folder / "denylist.cbor"
    first = file.read_bytes()
    subject = world["valid"].subject
    assert subject is not None
    serial = bytes.fromhex(subject.identifiers[0].value)
    newer = denylist.make_denylist([serial], number=2, issued_at=datetime.now(UTC))
    file.write_bytes(denylist.sign_denylist(world.root_key, newer))
    await_status(running, lambda found: found["lists"]["denylist"]["number"] == 2)
    await_status(running, lambda found: any(each["reason"] == "revoked" for each in found["recent_decisions"][-4:]))
    file.write_bytes(first)
    found = running.poll()
    assert found is not None
    await_status(running, lambda later: later["now_at"] > found["now_at"])
    still = await_status(running, lambda later: bool(later["lists"]))
    assert still["lists"]["denylist"]["number"] == 2
    assert "list 2 is already in force" in running.processes["kiosk"].log_file.read_text(encoding="utf-8")


def test_without_packages_there_is_no_release_to_acknowledge(running: Demo) -> None:
    assert send(running, AcknowledgeReleaseCommand()).detail == {"acknowledged": False}
