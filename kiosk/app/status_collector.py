"""Gathers what each room says about itself: measures for the self-check, and the one snapshot that everybody reads."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version

from kiosk import config
from kiosk.app.camera_worker import CameraLoop
from kiosk.app.gate_worker import GateLoop
from kiosk.app.idle_detector import Presence
from kiosk.core.model import Moment, State
from kiosk.core.ports import StoreTrouble
from kiosk.core.reversal import LastPassage
from kiosk.core.status import CameraStatus, Fact, OutboxStatus, Status, UndoStatus
from kiosk.credentials.trust.denylist import Denylist
from kiosk.credentials.trust.list_loader import ListKeeper
from kiosk.credentials.trust.trust_list import TrustList
from kiosk.delivery import Courier
from kiosk.health import CameraWatch, ClockWatch, Measures, PageWatch
from kiosk.health.probes import (
    probe_disk_free_bytes,
    probe_listens,
    probe_read_only,
    probe_temperature_c,
    probe_under_voltage,
)
from kiosk.storage import Store


class Bulletin:
    """Asks the rooms; the main thread's alone."""

    def __init__(
        self,
        settings: config.Settings,
        *,
        camera_worker: CameraLoop,
        gate_worker: GateLoop,
        camera_monitor: CameraWatch,
        signal_thread_alive: Callable[[], bool],
        timed_out_frames: Callable[[], int],
        event_store: Store,
        relay: Courier,
        list_loader: ListKeeper,
        last_event: LastPassage,
        started: Moment,
        idle_detector: Presence | None = None,
    ) -> None:
        self._presence = idle_detector
        self._settings = settings
        self._camera_loop = camera_worker
        self._gate_loop = gate_worker
        self._watch = camera_monitor
        self._clock_watch = ClockWatch()
        self._page_watch = PageWatch()
        self._lamps_alive = signal_thread_alive
        self._overruns = timed_out_frames
        self._store = event_store
        self._courier = relay
        self._lists = list_loader
        self._last = last_event
        self._started = started
        self._version = version("entrance-kiosk")  # asked once: it parses the package's metadata
        self._uplink_down_since_s: float | None = started.s
        # Replayed pictures repeat to the last bit; only a sensor's noise makes a frozen picture tell-tale. A stage that serves
        # another process's camera counts its frames in a pixel, and stands for a sensor.
        self._has_sensor = settings.camera.source.startswith(("picamera2", "webcam", "synthetic:"))

    def measures(self, now: Moment) -> Measures:
        """Everything that the self-check judges."""
        outbox, outbox_trouble = self._outbox()
        watch = self._watch
        return Measures(
            gate_loop_age_s=now.s - self._gate_loop.turned_s,
            camera_loop_age_s=now.s - self._camera_loop.turned_s,
            lamps_alive=self._lamps_alive(),
            frame_age_s=watch.frame_age_s(now.s),
            camera_trouble=self._camera_loop.trouble,
            frozen_s=watch.frozen_s() if self._has_sensor else None,
            dark_s=watch.dark_s(),
            bright_s=watch.bright_s(),
            blurred_s=watch.blurred_s(),
            store_trouble=self._gate_loop.store_trouble or outbox_trouble,
            moved_aside=self._store.moved_aside.name if self._store.moved_aside else "",
            disk_free_bytes=probe_disk_free_bytes(self._settings.records.path),
            disk_floor_bytes=self._settings.records.floor_bytes,
            disk_read_only=probe_read_only(self._settings.records.path),
            temperature_c=probe_temperature_c(self._settings.sysfs),
            under_voltage=probe_under_voltage(self._settings.sysfs),
            clock=now.quality,
            clock_jump_s=self._clock_watch.note(now),
            presence=self._presence_now(),
            page_gone_s=self._page_gone_s(now),
            uplink_down_s=self._uplink_down_s(now),
            uplink_clock=self._courier.status().clock,
            outbox_age_s=_age_s(outbox.oldest_at, now),
            outbox_depth=outbox.depth,
            outbox_limit=self._settings.records.max_rows,
            lists_age_s={
                name: (now.at - each.issued_at).total_seconds() for name, each in self._lists_in_force().items()
            },
            paused=self._gate_loop.paused,
        )

    def status(self, now: Moment, checks: tuple[Fact, ...], state: State) -> Status:
        """The snapshot for page, terminal and wire."""
        gate_loop = self._gate_loop
        return Status(
            version=self._version,
            site=self._settings.site.site,
            device=self._settings.site.device,
            pid=os.getpid(),
            started_at=self._started.at.isoformat(timespec="seconds"),
            now_at=now.at.isoformat(timespec="milliseconds"),
            state=state,
            epoch=self._store.epoch,
            seq=self._store.newest_seq,
            facts=checks,
            shown=gate_loop.shown,
            counters=gate_loop.counters,
            inside=gate_loop.inside,
            capacity=self._settings.policy.capacity,
            undo=self._undo(now),
            outbox=self._outbox()[0],
            uplink=self._courier.status(),
            camera=self._camera(now),
            clock=now.quality.value,
            lists={name: f"{each.number} ({each.issued_at:%Y-%m-%d})" for name, each in self._lists_in_force().items()},
        )

    def _lists_in_force(self) -> Mapping[str, TrustList | Denylist]:
        """By the names that page and self-check show."""
        denied = self._lists.denylist
        return {"trust": self._lists.trust_list, **({"denied": denied} if denied else {})}

    def _undo(self, now: Moment) -> UndoStatus | None:
        found = self._last.undoable(now.s)
        if found is None:
            return None
        passage = found.stored.passage
        return UndoStatus(
            seq=found.stored.seq,
            at=passage.occurred_at.isoformat(timespec="milliseconds"),
            direction=str(passage.direction),
            reason=passage.reason.value,
            kind=passage.kind.value if passage.kind else None,
            left_s=round(found.left_s, 1),
        )

    def _camera(self, now: Moment) -> CameraStatus:
        view = self._gate_loop.view
        return CameraStatus(
            source=self._settings.camera.source.partition(":")[0],
            frame=self._gate_loop.looked_at,
            age_s=round(self._watch.frame_age_s(now.s), 2) if self._watch.begun else None,
            mean_luma=round(view.mean_luma, 1) if view else None,
            contrast=round(view.contrast, 1) if view else None,
            sharpness=round(view.sharpness, 1) if view else None,
            module_px=round(self._gate_loop.module_px, 1) if self._gate_loop.module_px else None,
            overruns=self._overruns(),
        )

    def _outbox(self) -> tuple[OutboxStatus, str]:
        """What waits, and the disk's trouble where it cannot even be read."""
        try:
            return self._store.outbox_status(), ""
        except StoreTrouble as trouble:
            return OutboxStatus(depth=self._store.depth()), str(trouble)

    def _presence_now(self) -> str:
        presence = self._presence
        if presence is None:
            return ""
        presence.answered(sum(self._gate_loop.counters.values()))
        if presence.stuck:
            return f"stuck-{presence.stuck}"
        return "present" if presence.present else "resting" if presence.resting else "nobody"

    def _page_gone_s(self, now: Moment) -> float | None:
        port = self._settings.page.port
        return self._page_watch.note(now.s, listening=probe_listens(port)) if port else None

    def _uplink_down_s(self, now: Moment) -> float:
        if self._courier.status().connected:
            self._uplink_down_since_s = None
            return 0.0
        if self._uplink_down_since_s is None:
            self._uplink_down_since_s = now.s
        return now.s - self._uplink_down_since_s


def _age_s(at: str | None, now: Moment) -> float:
    """A clock that was set since makes an age meaningless, never negative."""
    if at is None:
        return 0.0
    then = datetime.fromisoformat(at)
    return max(0.0, (now.at - then.astimezone(UTC)).total_seconds())
