"""Collects component metrics into the measurements of the self-check and the status snapshot."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from kiosk.app.gate_worker import GateWorker
from kiosk.app.sources.camera_worker import CameraWorker
from kiosk.app.sources.idle_detector import IdleDetector
from kiosk.core.model import ClockQuality, ClockReading, DeviceState
from kiosk.core.ports import StoreError
from kiosk.core.reversal import LastAccessEvent
from kiosk.core.status import CameraStatus, HealthCheck, ListStatus, OutboxStatus, StatusSnapshot, UndoStatus
from kiosk.credentials.trust.denylist import EMPTY_DENYLIST, Denylist
from kiosk.credentials.trust.list_loader import ListLoader
from kiosk.credentials.trust.trust_list import TrustList
from kiosk.delivery import OutboxRelay
from kiosk.enrolment.service_port import RenewalStatus
from kiosk.health import CameraMonitor, ClockMonitor, Measurements, ReleaseNotices, WebMonitor
from kiosk.health.os_updates import read_os_updates
from kiosk.health.probes import (
    probe_disk_free_bytes,
    probe_port_listening,
    probe_read_only,
    probe_temperature_c,
    probe_under_voltage,
)
from kiosk.storage import SqliteEventStore

CHECK_OF_LIST = {"trust": "trust-list", "denylist": "denylist", "sealing-keys": "sealing-keys"}
"""Name of a list in the status -> code of its health check."""


@dataclass(frozen=True, slots=True)
class StatusOptions:
    """Fixed values of the status, and what the collector probes."""

    site: str
    device: str
    camera_source: str
    database_path: Path
    min_free_bytes: int
    backlog_limit: int
    """Maximum number of stored events."""
    capacity: int | None
    """Maximum number of people inside. None: no limit."""
    web_port: int
    """0: the port is unknown, so the web UI is not monitored."""
    sysfs: Path = Path("/sys")
    web_expected: bool = False
    """The web UI is configured so far that it must run."""


class StatusCollector:
    """Reads all components. Only the main thread uses it."""

    def __init__(
        self,
        options: StatusOptions,
        *,
        camera_worker: CameraWorker,
        gate_worker: GateWorker,
        camera_monitor: CameraMonitor,
        signal_thread_alive: Callable[[], bool],
        timed_out_frames: Callable[[], int],
        event_store: SqliteEventStore,
        relay: OutboxRelay,
        list_loader: ListLoader,
        last_event: LastAccessEvent,
        release_notices: ReleaseNotices,
        started: ClockReading,
        idle_detector: IdleDetector | None = None,
        renewal_status: Callable[[], RenewalStatus] | None = None,
        scanner_error: Callable[[], str] | None = None,
    ) -> None:
        """`renewal_status`: of the certificate. None: it is renewed by hand.

        `scanner_error`: why the scanner cannot be read, empty while it can. None: there is none.
        """
        self._renewal_status = renewal_status
        self._scanner_error = scanner_error
        self._idle_detector = idle_detector
        self._options = options
        self._camera_worker = camera_worker
        self._gate_worker = gate_worker
        self._camera_monitor = camera_monitor
        self._clock_monitor = ClockMonitor()
        self._web_monitor = WebMonitor(expected=options.web_expected)
        self._signal_thread_alive = signal_thread_alive
        self._timed_out_frames = timed_out_frames
        self._event_store = event_store
        self._relay = relay
        self._list_loader = list_loader
        self._last_event = last_event
        self._release_notices = release_notices
        self._started = started
        self._version = version("entrance-kiosk")  # once, because it parses the package metadata
        self._uplink_down_since_s: float | None = started.monotonic_s
        # Only the noise of a sensor tells a live image from a frozen one: replayed images repeat exactly. A synthetic camera
        # that another process serves (synthetic:SOCKET) counts its frames in a pixel, so it is like a sensor.
        self._has_sensor = options.camera_source.startswith(("picamera2", "webcam", "synthetic:"))

    def collect_measurements(self, now: ClockReading) -> Measurements:
        """All inputs of the self-check."""
        outbox, outbox_error = self._outbox_status()
        monitor = self._camera_monitor
        found = Measurements(
            gate_loop_age_s=now.monotonic_s - self._gate_worker.last_loop_s,
            camera_loop_age_s=now.monotonic_s - self._camera_worker.last_loop_s,
            signal_thread_alive=self._signal_thread_alive(),
            frame_age_s=monitor.frame_age_s(now.monotonic_s),
            camera_error=self._camera_worker.error,
            has_camera=not self._options.camera_source.startswith("scanner:"),
            scanner_error=self._scanner_error() if self._scanner_error else None,
            frozen_s=monitor.frozen_s() if self._has_sensor else None,
            dark_s=monitor.dark_s(),
            bright_s=monitor.bright_s(),
            blurred_s=monitor.blurred_s(),
            store_error=self._gate_worker.store_error or outbox_error,
            corrupt_file=self._event_store.corrupt_file.name if self._event_store.corrupt_file else "",
            unreadable_rows=self._event_store.unreadable_rows,
            new_epoch_reason=self._event_store.epoch_reason,
            disk_free_bytes=probe_disk_free_bytes(self._options.database_path),
            disk_min_free_bytes=self._options.min_free_bytes,
            disk_read_only=probe_read_only(self._options.database_path),
            temperature_c=probe_temperature_c(self._options.sysfs),
            under_voltage=probe_under_voltage(self._options.sysfs),
            clock_quality=now.quality,
            clock_jump_s=self._clock_monitor.observe(now),
            presence_state=self._presence_state(),
            web_down_s=self._web_down_s(now),
            paused=self._gate_worker.paused,
        )
        return self._with_upkeep(self._with_delivery(found, outbox, now), now)

    def _with_delivery(self, found: Measurements, outbox: OutboxStatus, now: ClockReading) -> Measurements:
        return replace(
            found,
            broker_down_s=self._uplink_down_s(now),
            certificate_time_error=self._relay.status().certificate_time_error,
            broker_refused=self._relay.status().refused,
            broker_error=self._relay.status().error,
            backlog_age_s=_age_s(outbox.oldest_at, now),
            backlog_size=outbox.backlog_size,
            backlog_limit=self._options.backlog_limit,
            lists_age_s={
                CHECK_OF_LIST[name]: (now.utc_at - each.issued_at).total_seconds()
                for name, each in self._active_lists().items()
            },
            list_problems={CHECK_OF_LIST[name]: each for name, each in self._list_loader.problems.items()},
        )

    def _with_upkeep(self, found: Measurements, now: ClockReading) -> Measurements:
        """With the release, the operating system and the certificates."""
        release, os_updates = self._release_notices.read(), read_os_updates()
        succeeded_at_s = os_updates.succeeded_at_s
        return replace(
            found,
            release_problem=release.kind,
            release_detail=release.detail,
            trial_remaining_s=release.trial_remaining_s,
            os_updates_age_s=None if succeeded_at_s is None else max(0.0, now.utc_at.timestamp() - succeeded_at_s),
            os_updates_pending=os_updates.pending,
            os_updates_error=os_updates.error,
            os_restart_needed=os_updates.restart_needed,
            certificate_left_s=self._certificate_left_s(now),
            renewal_error=self._renewal_status().error if self._renewal_status else "",
            sealing_keys_left_s=self._sealing_keys_left_s(now),
        )

    def _sealing_keys_left_s(self, now: ClockReading) -> float | None:
        """Until the last week ends. None: no weekly keys, or the clock is not set."""
        ends_at = self._list_loader.sealing_keys_end_at
        if ends_at is None or now.quality is ClockQuality.UNSET:
            return None
        return (ends_at - now.utc_at).total_seconds()

    def _certificate_left_s(self, now: ClockReading) -> float | None:
        """Until the certificate ends. None: it is renewed by hand, or the clock is not set."""
        ends_at = self._renewal_status().ends_at if self._renewal_status else None
        if ends_at is None or now.quality is ClockQuality.UNSET:
            return None
        return (ends_at - now.utc_at).total_seconds()

    def build_status(self, now: ClockReading, checks: tuple[HealthCheck, ...], state: DeviceState) -> StatusSnapshot:
        """The snapshot for the web UI, `kiosk status` and the centre."""
        gate_loop = self._gate_worker
        return StatusSnapshot(
            version=self._version,
            site=self._options.site,
            device=self._options.device,
            pid=os.getpid(),
            started_at=self._started.utc_at.isoformat(timespec="seconds"),
            now_at=now.utc_at.isoformat(timespec="milliseconds"),
            state=state,
            epoch=self._event_store.epoch,
            seq=self._event_store.newest_seq,
            checks=checks,
            recent_decisions=gate_loop.recent_decisions,
            counters=gate_loop.counters,
            occupancy=gate_loop.occupancy,
            capacity=self._options.capacity,
            undo=self._undo_status(now),
            pause=gate_loop.pause.status,
            outbox=self._outbox_status()[0],
            uplink=self._relay.status(),
            camera=self._camera_status(now),
            clock_quality=now.quality.value,
            lists={
                name: ListStatus(each.number, each.issued_at.isoformat(timespec="seconds"))
                for name, each in self._active_lists().items()
            },
        )

    def _active_lists(self) -> Mapping[str, TrustList | Denylist]:
        """The lists in use, by their names in the status."""
        denied = self._list_loader.denylist
        in_force = denied is not None and denied is not EMPTY_DENYLIST
        return {"trust": self._list_loader.trust_list, **({"denylist": denied} if denied and in_force else {})}

    def _undo_status(self, now: ClockReading) -> UndoStatus | None:
        found = self._last_event.find_undoable(now.monotonic_s)
        if found is None:
            return None
        event = found.stored.event
        return UndoStatus(
            seq=found.stored.seq,
            at=event.occurred_at.isoformat(timespec="milliseconds"),
            direction=str(event.direction),
            reason=event.reason.value,
            kind=event.kind.value if event.kind else None,
            remaining_s=round(found.remaining_s, 1),
        )

    def _camera_status(self, now: ClockReading) -> CameraStatus:
        quality = self._gate_worker.frame_quality
        return CameraStatus(
            source=self._options.camera_source.partition(":")[0],
            frame_number=self._gate_worker.frame_number,
            frame_age_s=round(self._camera_monitor.frame_age_s(now.monotonic_s), 2)
            if self._camera_monitor.has_frame
            else None,
            mean_luma=round(quality.mean_luma, 1) if quality else None,
            contrast=round(quality.contrast, 1) if quality else None,
            sharpness=round(quality.sharpness, 1) if quality else None,
            module_px=round(self._gate_worker.module_px, 1) if self._gate_worker.module_px else None,
            timed_out_frames=self._timed_out_frames(),
        )

    def _outbox_status(self) -> tuple[OutboxStatus, str]:
        """Status of the outbox, and the error if the database cannot be read."""
        try:
            return self._event_store.outbox_status(), ""
        except StoreError as error:
            return OutboxStatus(backlog_size=self._event_store.backlog_size()), str(error)

    def _presence_state(self) -> str:
        detector = self._idle_detector
        if detector is None:
            return ""
        detector.on_decisions(sum(self._gate_worker.counters.values()))
        if detector.stuck_state:
            return f"stuck-{detector.stuck_state}"
        return "present" if detector.present else "idle" if detector.is_idle else "absent"

    def _web_down_s(self, now: ClockReading) -> float | None:
        port = self._options.web_port
        return self._web_monitor.observe(now.monotonic_s, listening=probe_port_listening(port)) if port else None

    def _uplink_down_s(self, now: ClockReading) -> float:
        if self._relay.status().connected:
            self._uplink_down_since_s = None
            return 0.0
        if self._uplink_down_since_s is None:
            self._uplink_down_since_s = now.monotonic_s
        return now.monotonic_s - self._uplink_down_since_s


def _age_s(at: str | None, now: ClockReading) -> float:
    """Age of an ISO time, seconds. 0 if it would be negative because the clock was set."""
    if at is None:
        return 0.0
    then = datetime.fromisoformat(at)
    return max(0.0, (now.utc_at - then.astimezone(UTC)).total_seconds())
