"""The daemon of a kiosk that has no name yet: it reads enrolment codes only, and decides about no person."""

import gc
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

from kiosk import config
from kiosk.app.builders import gate, hardware
from kiosk.app.builders.startup import build_with_retry, open_run_dir
from kiosk.app.daemon import open_signal_with_retry
from kiosk.app.sources.camera_worker import CameraWorker
from kiosk.app.sources.frame_slot import LatestFrameSlot
from kiosk.app.worker import Worker
from kiosk.core.model import ClockReading, DeviceState, Outcome
from kiosk.core.ports import Clock, Decoder, KioskError, Signal
from kiosk.core.status import CameraStatus, CheckStatus, EnrolmentStatus, HealthCheck, StatusSnapshot
from kiosk.core.subject_sealing import Pseudonymizer, Seal
from kiosk.enrolment import enroller as stages
from kiosk.enrolment.device_key import read_hardware_serial
from kiosk.enrolment.enroller import CandidateError, Enroller
from kiosk.enrolment.est_client import EstClient
from kiosk.enrolment.folder import EnrolmentFolder
from kiosk.enrolment.invitation_code import is_invitation
from kiosk.enrolment.wifi import NetworkManagerJoiner
from kiosk.health import CameraMonitor, Measurements, evaluate, should_feed_watchdog
from kiosk.system import status_file
from kiosk.system.clock import SystemClock
from kiosk.system.systemd import SystemdNotifier
from kiosk.system.wakeup import WakeupPipe

log = logging.getLogger(__name__)

LOOP_INTERVAL_S = 1.0
FRAME_TIMEOUT_S = 0.5
REPEAT_S = 5.0
"""A code that stays in view is signalled once in this time."""
CHECKS = frozenset({"camera", "camera-worker", "gate-worker", "signal", "clock"})
"""What counts for a kiosk that stores and sends nothing."""


class UnenrolledCrashedError(KioskError):
    """A thread ended by an error. systemd restarts the daemon."""


class CodeReader:
    """Reads enrolment codes in the frames. One thread calls `step`. Other codes are ignored: they are not even counted."""

    def __init__(
        self, frame_slot: LatestFrameSlot, decoder: Decoder, monitor: CameraMonitor, enroller: Enroller, signal: Signal
    ) -> None:
        self._frame_slot = frame_slot
        self._decoder = decoder
        self._monitor = monitor
        self._enroller = enroller
        self._signal = signal
        self._silent_until_s = 0.0
        self.last_loop_s = time.monotonic()
        self.frame_number = 0

    def step(self) -> float:
        """Decode one frame, or wait for one. Returns the delay until the next step, seconds."""
        self.last_loop_s = time.monotonic()
        frame = self._frame_slot.take(FRAME_TIMEOUT_S)
        if frame is None:
            return 0.0
        found = self._decoder.decode(frame)
        self._monitor.observe(frame, found.frame_quality)
        self.frame_number = frame.number
        for code in found.codes:
            if is_invitation(code.data):
                self._offer(code.data)
        return 0.0

    def _offer(self, text: bytes) -> None:
        reason = self._enroller.offer(text)
        if reason and time.monotonic() >= self._silent_until_s:
            self._silent_until_s = time.monotonic() + REPEAT_S
            log.warning("an enrolment code is not taken: %s", reason)
            self._signal.show(Outcome.FAIL)


def run_until_enrolled(
    settings: config.Settings, path: Path, clock: Clock | None = None, make_enroller: Callable[..., Enroller] = Enroller
) -> bool:
    """Wait for a code and enrol. True: this device has a name now. False: SIGTERM or Ctrl-C. Raises KioskError.

    `path`: the configuration file, to try what the centre sends before it is in force.
    """
    clock = clock or SystemClock()
    with ExitStack() as exit_stack:
        gc.freeze()
        notifier = SystemdNotifier()
        wakeup = exit_stack.enter_context(WakeupPipe())
        signal = open_signal_with_retry(settings, wakeup, notifier)
        if signal is None:
            return False
        exit_stack.callback(signal.close)

        def build(attempt: ExitStack) -> _Parts:
            open_run_dir(settings.run_dir, attempt)
            return _build(settings, path, signal, clock, make_enroller, attempt)

        parts = build_with_retry(build, settings, signal, wakeup=wakeup, notifier=notifier, exit_stack=exit_stack)
        if parts is None:
            return False
        loop = _Loop(settings, parts, signal, clock, wakeup, notifier)
        exit_stack.callback(loop.stop_workers)
        return loop.run()


class _Parts:
    """What the loop needs."""

    def __init__(
        self,
        enroller: Enroller,
        reader: CodeReader,
        camera: CameraWorker,
        monitor: CameraMonitor,
        slot: LatestFrameSlot,
    ) -> None:
        self.enroller = enroller
        self.reader = reader
        self.camera = camera
        self.monitor = monitor
        self.slot = slot


def _build(  # noqa: PLR0917  the composition root
    settings: config.Settings,
    path: Path,
    signal: Signal,
    clock: Clock,
    make_enroller: Callable[..., Enroller],
    exit_stack: ExitStack,
) -> _Parts:
    """Build all parts. `exit_stack` closes them. Raises KioskError and OSError."""
    enrolment = settings.enrolment
    enroller = make_enroller(
        EnrolmentFolder(enrolment.folder),
        EstClient(),
        clock,
        hardware_serial=read_hardware_serial(),
        wifi=NetworkManagerJoiner() if enrolment.join_wifi else None,
        check_candidate=lambda folder: check_candidate(path, folder),
    )
    monitor, slot = CameraMonitor(clock.now().monotonic_s), LatestFrameSlot()
    decoder = gate.build_decoder(settings)
    exit_stack.callback(decoder.close)
    camera = CameraWorker(hardware.build_camera(settings.camera), slot, settings.camera.timeout_s)
    return _Parts(enroller, CodeReader(slot, decoder, monitor, enroller, signal), camera, monitor, slot)


def check_candidate(path: Path, folder: Path) -> None:
    """Whether the configuration file with the new enrolment is one that the daemon starts with. Raises CandidateError."""
    try:
        settings = config.load_settings(path, folder)
        with tempfile.TemporaryDirectory() as scratch:  # the lists leave copies there
            storage = settings.storage.model_copy(update={"path": Path(scratch) / "events.db"})
            lists = gate.load_lists(settings.model_copy(update={"storage": storage}))
        if lists.errors:
            raise CandidateError("; ".join(lists.errors))
        Seal(gate.read_key_file(settings.keys.sealing_public_key))
        Pseudonymizer(gate.read_key_file(settings.keys.pseudonym_key))
    except (KioskError, ValueError) as error:
        raise CandidateError(str(error)) from error


class _Loop:
    """The main loop and its threads."""

    def __init__(  # noqa: PLR0917  the composition root
        self,
        settings: config.Settings,
        parts: _Parts,
        signal: Signal,
        clock: Clock,
        wakeup: WakeupPipe,
        notifier: SystemdNotifier,
    ) -> None:
        self._settings = settings
        self._parts = parts
        self._signal = signal
        self._clock = clock
        self._wakeup = wakeup
        self._notifier = notifier
        self._started = clock.now()
        self._stop = threading.Event()
        self._crashed = ""
        self._state: DeviceState | None = None
        steps = {"camera": parts.camera.step, "reader": parts.reader.step, "enrolment": parts.enroller.step}
        self._workers = [Worker(name, step, self._stop, self._on_crash) for name, step in steps.items()]

    def run(self) -> bool:
        """True once this device has a name. Raises UnenrolledCrashedError."""
        for worker in self._workers:
            worker.start()
        log.info("this kiosk has no name yet: show it an enrolment code")
        while not self._wakeup.stop_requested:
            if self._crashed:
                raise UnenrolledCrashedError(f"the {self._crashed} thread ended by an error (see the log)")
            status = self._parts.enroller.status
            if status.stage == stages.DONE:
                return True
            self._publish(self._clock.now(), status)
            self._wakeup.wait(LOOP_INTERVAL_S)
        return False

    def stop_workers(self) -> None:
        """Stop all threads and wait for them. A request to the centre may take some seconds, and is not waited for."""
        self._stop.set()
        self._parts.slot.close()
        self._parts.camera.close()
        for worker in self._workers:
            worker.join(2.0)

    def _publish(self, now: ClockReading, status: EnrolmentStatus) -> None:
        checks = (
            *self._checks(now),
            HealthCheck("enrolment", CheckStatus.WARN, reason=status.reason or status.stage),
        )
        failed = any(check.status is CheckStatus.FAIL for check in checks)
        state = DeviceState.OUT_OF_ORDER if failed else state_of(status)
        self._signal.set_idle_state(state)
        if should_feed_watchdog(checks):
            self._notifier.ping_watchdog()
        if self._state is None:
            self._notifier.notify_ready(state.value)
        if state is not self._state:
            log.info("%s: %s", state.value, status.reason or status.stage)
            self._notifier.set_status(state.value)
        self._state = state
        try:
            status_file.publish_status(self._snapshot(now, checks, state, status), self._settings.run_dir)
        except OSError as error:  # lamps and journal say it too
            log.error("the status cannot be published: %s", error.strerror)

    def _checks(self, now: ClockReading) -> list[HealthCheck]:
        measured = Measurements(
            gate_loop_age_s=now.monotonic_s - self._parts.reader.last_loop_s,
            camera_loop_age_s=now.monotonic_s - self._parts.camera.last_loop_s,
            frame_age_s=self._parts.monitor.frame_age_s(now.monotonic_s),
            camera_error=self._parts.camera.error,
            clock_quality=now.quality,
        )
        return [check for check in evaluate(measured) if check.code in CHECKS]

    def _snapshot(
        self, now: ClockReading, checks: tuple[HealthCheck, ...], state: DeviceState, status: EnrolmentStatus
    ) -> StatusSnapshot:
        return StatusSnapshot(
            version=version("entrance-kiosk"),
            site=self._settings.site.site,
            device=self._settings.site.device,
            pid=os.getpid(),
            started_at=self._started.utc_at.isoformat(timespec="milliseconds"),
            now_at=now.utc_at.isoformat(timespec="milliseconds"),
            state=state,
            epoch="",
            seq=0,
            checks=checks,
            camera=CameraStatus(source=self._settings.camera.source, frame_number=self._parts.reader.frame_number),
            clock_quality=now.quality.value,
            enrolment=status,
        )

    def _on_crash(self, name: str) -> None:
        self._crashed = name
        self._wakeup.wake()


def state_of(status: EnrolmentStatus) -> DeviceState:
    """What the lamps say."""
    if status.stage == stages.NO_NETWORK:
        return DeviceState.ENROLMENT_OFFLINE
    return DeviceState.NOT_ENROLLED if status.stage in {stages.NO_CODE, stages.FAILED} else DeviceState.ENROLLING
