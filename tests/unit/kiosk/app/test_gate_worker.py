"""The gate's worker: refusals of a flood that were only counted are declared at the latest when it closes."""

from pathlib import Path

from kiosk.app.call_queue import CallQueue
from kiosk.app.gate_worker import GateWorker
from kiosk.app.sources.frame_slot import LatestFrameSlot
from kiosk.core.reversal import LastAccessEvent
from kiosk.core.visits import VisitTracker
from kiosk.health import CameraMonitor
from kiosk.storage import SqliteEventStore
from tests.fakes.data.people import moment
from tests.fakes.parts.gate import FRAME, Scene, make_gate


def test_nothing_is_lost_without_a_word_when_the_worker_closes_in_a_flood(tmp_path: Path) -> None:
    scene, store = Scene(), SqliteEventStore(tmp_path / "events.db", boot_id="boot")
    gate = make_gate(scene, store, VisitTracker(window_s=8), LastAccessEvent(30, boot_id="boot"))
    worker = GateWorker(
        gate,
        LatestFrameSlot(),
        camera_monitor=CameraMonitor(0.0),
        call_queue=CallQueue(),
        probe_store=store.check_writable,
        count_occupancy=lambda: 0,
        on_change=lambda: None,
    )
    for step in range(60):
        scene.codes, scene.now = (b"garbage %d" % step,), moment(step * 1.8)
        gate.process_frame(FRAME)
    worker.close()
    worker.close()
    (notice,) = store.notices()
    assert notice.kind == "refusals-counted"
    assert notice.count + store.newest_seq == 60
    store.close()


def test_a_disk_that_is_gone_does_not_stop_the_close(tmp_path: Path) -> None:
    scene = Scene()
    gate = scene.gate()
    worker = GateWorker(
        gate,
        LatestFrameSlot(),
        camera_monitor=CameraMonitor(0.0),
        call_queue=CallQueue(),
        probe_store=lambda: None,
        count_occupancy=lambda: 0,
        on_change=lambda: None,
    )
    for step in range(38):
        scene.codes, scene.now = (b"garbage %d" % step,), moment(step * 1.8)
        gate.process_frame(FRAME)
    scene.disk_is_full = True
    worker.close()
    assert len(scene.records) + scene.counted_refusals < 38
