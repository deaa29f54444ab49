"""A code of a scanner goes the same way as one of the camera: record before light, one answer for each visit."""

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kiosk.app.call_queue import CallQueue
from kiosk.app.gate_worker import GateWorker
from kiosk.app.sources import scanner_worker
from kiosk.app.sources.frame_slot import MAX_SCANS, LatestFrameSlot
from kiosk.app.sources.scanner_worker import ScannerWorker
from kiosk.core.frame import Frame
from kiosk.core.gate import Gate
from kiosk.core.model import Outcome, ScannedCode
from kiosk.decoding import Cascade
from kiosk.hardware.cameras.blank_camera import BlankCamera
from kiosk.hardware.scanners.factory import create_scanner
from kiosk.health import CameraMonitor
from tests.fakes.data.people import WORLD, moment
from tests.fakes.hardware.scanners import ScriptedScanner, SerialPlug
from tests.fakes.parts.gate import Scene

VALID = WORLD["valid"].data


@dataclass
class Post:
    """A gate with a scanner. The camera sees nothing."""

    scene: Scene = field(default_factory=Scene)
    slot: LatestFrameSlot = field(default_factory=LatestFrameSlot)
    scanner: ScriptedScanner = field(default_factory=ScriptedScanner)

    def __post_init__(self) -> None:
        self.gate: Gate = self.scene.gate()
        self.gate_worker = GateWorker(
            self.gate,
            self.slot,
            camera_monitor=CameraMonitor(0.0),
            call_queue=CallQueue(),
            probe_store=lambda: None,
            count_occupancy=lambda: 0,
            on_change=lambda: None,
        )
        self.scanner_worker = ScannerWorker(self.scanner, self.slot)

    def scan(self, *codes: bytes) -> None:
        self.scanner.codes = deque(codes)
        while self.scanner.codes:
            self.scanner_worker.step()
        self.gate_worker.step()


def test_a_scanned_pass_is_recorded_and_then_the_lamp_is_green() -> None:
    post = Post()
    post.scan(VALID)
    assert post.scene.happened[:2] == ["record", "light"]
    assert post.scene.lights == [Outcome.PASS]
    assert post.gate_worker.recent_decisions[-1].frame_number == 0


def test_a_scanned_code_is_judged_as_one_of_the_camera() -> None:
    post = Post()
    post.scan(b"no code of ours")
    assert post.scene.lights == [Outcome.FAIL]


def test_the_same_code_scanned_and_seen_by_the_camera_is_answered_once() -> None:
    post, code = Post(), VALID
    post.scan(code)
    post.scene.codes, post.scene.now = (code,), moment(1.5)
    post.slot.put(Frame(np.zeros((4, 4), np.uint8), 1, 1.5))
    post.gate_worker.step()
    assert post.scene.lights == [Outcome.PASS]


def test_a_second_person_within_the_signal_of_the_first_is_answered_after_it() -> None:
    post = Post()
    post.scan(VALID)
    post.scene.now = moment(0.4)
    post.scan(WORLD.make_valid_pass(2))
    assert len(post.scene.lights) == 1, "the lamp still belongs to the first person"
    post.scene.now = moment(1.4)
    post.gate_worker.step()
    assert post.scene.lights == [Outcome.PASS, Outcome.PASS]


def test_a_code_scanned_while_paused_is_not_answered_later() -> None:
    post = Post()
    post.gate_worker.pause.begin(post.scene.now)
    post.scan(VALID)
    post.gate_worker.pause.end()
    post.gate_worker.step()
    assert not post.scene.lights


def test_a_full_disk_shows_no_light_for_a_scanned_code() -> None:
    post = Post()
    post.scene.disk_is_full = True
    post.scan(VALID)
    assert not post.scene.lights
    assert post.gate_worker.store_error == "the disk is full"


def test_a_scanner_that_is_unplugged_is_opened_again_and_logged_once() -> None:
    post = Post()
    steps = [(post.scanner_worker.step(), post.scanner_worker.error)]
    post.scanner.plugged = False
    steps += [(post.scanner_worker.step(), post.scanner_worker.error) for _ in range(3)]
    errors = ["", "unplugged", "not plugged in", "not plugged in"]
    assert steps == list(zip((0.0, *[scanner_worker.REOPEN_DELAY_S] * 3), errors, strict=True))
    post.scanner.plugged = True
    post.scan(VALID)
    assert not post.scanner_worker.error
    assert post.scene.lights == [Outcome.PASS]


def test_codes_wait_in_a_bounded_queue_in_their_order() -> None:
    slot = LatestFrameSlot()
    for number in range(MAX_SCANS + 3):
        slot.put_scan(ScannedCode(b"%d" % number, 0.0))
    assert [scan.data for scan in slot.take_scans()] == [b"%d" % number for number in range(3, MAX_SCANS + 3)]
    assert slot.take_scans() == ()


def test_a_scan_ends_the_wait_for_a_frame() -> None:
    slot = LatestFrameSlot()
    slot.put_scan(ScannedCode(b"code", 0.0))
    assert slot.take(60) is None


def test_the_text_of_a_scanned_code_is_in_no_representation() -> None:
    assert "secret" not in repr(ScannedCode(b"secret", 0.0))


def test_from_the_serial_line_to_the_lamp(tmp_path: Path) -> None:
    plug, post = SerialPlug(tmp_path / "scanner"), Post()
    worker = ScannerWorker(create_scanner(f"scanner:{tmp_path / 'scanner'}", baud_rate=9600), post.slot)
    worker.step()  # opens it, which drops what was sent before
    plug.send(VALID + b"\r")
    worker.step()
    post.gate_worker.step()
    worker.close()
    plug.unplug()
    assert post.scene.lights == [Outcome.PASS]


def test_a_gate_without_a_camera_has_frames_without_pixels_that_disturb_nothing() -> None:
    camera = BlankCamera()
    camera.open()
    frame = camera.capture(0.001)
    camera.close()
    assert Cascade().decode(frame).codes == ()
    monitor = CameraMonitor(0.0)
    monitor.observe(frame, None)
    assert monitor.has_frame
