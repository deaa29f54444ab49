"""The daemon from start to stop: starts the workers, supervises them and stops everything in reverse order.

Camera thread -> frame slot -> gate thread -> disk and lamps. Delivery thread -> centre. Control thread <- commands. The main
thread evaluates the health checks and publishes the result to lamps, centre, web UI and the watchdog of systemd.
"""

import ctypes
import gc
import logging
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack

from kiosk import config
from kiosk.app.builders.configuration import ConfigurationControl
from kiosk.app.builders.hardware import build_signal, check_inputs
from kiosk.app.builders.startup import build_with_retry, open_run_dir, publish_start_failure, try_open_run_dir
from kiosk.app.components import RELAY, Components, build_components
from kiosk.app.worker import Worker
from kiosk.config import effective
from kiosk.core import file_names
from kiosk.core.model import ClockReading, DeviceState
from kiosk.core.ports import Clock, KioskError, SignalError
from kiosk.core.status import CheckStatus, StatusSnapshot
from kiosk.hardware.gpio.pins import PinsUnavailableError
from kiosk.hardware.gpio.signal_output import SignalOutput
from kiosk.health import Measurements, device_state, evaluate, should_feed_watchdog
from kiosk.health.availability import AvailabilityRecorder
from kiosk.storage.availability_log import AvailabilityLog
from kiosk.system import status_file
from kiosk.system.clock import SystemClock
from kiosk.system.systemd import SystemdNotifier
from kiosk.system.wakeup import WakeupPipe

log = logging.getLogger(__name__)

LOOP_INTERVAL_S = 1.0
"""Interval of the main loop, unless it is woken earlier."""
LOG_AFTER_ATTEMPTS = 3
"""Unavailable pins are logged after this many attempts: at power-on udev may grant access a moment after our start."""
JOIN_TIMEOUT_S = 5.0
TRIM_INTERVAL_S = 15.0
"""How often freed memory is returned to the system: the search of a whole image leaves some MB in the heap."""
_MALLOC_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None)
"""A function of glibc. Other C libraries do not have it."""

SYSTEM_CLOCK = SystemClock()


class WorkerCrashedError(KioskError):
    """A thread ended by an error. The daemon stops, and systemd restarts it."""


def run_daemon(
    settings: config.Settings,
    overridden: Collection[str] = (),
    clock: Clock = SYSTEM_CLOCK,
    configuration: ConfigurationControl | None = None,
) -> bool:
    """Run until SIGTERM or Ctrl-C. Raises KioskError if it cannot start, and WorkerCrashedError if a thread ended by an error.

    `overridden`: names of settings from the command line instead of the file. `configuration`: changes and tries settings. None:
    this process takes no change. True: the program is to start again.
    """
    with ExitStack() as exit_stack:
        trim_heap()
        gc.freeze()  # imported objects live as long as the process: the garbage collector can skip them
        notifier = SystemdNotifier()
        wakeup = exit_stack.enter_context(WakeupPipe())
        run_dir_is_open = try_open_run_dir(settings.run_dir, exit_stack)
        signal_output = open_signal_with_retry(settings, wakeup, notifier)
        if signal_output is None:
            return False
        exit_stack.callback(signal_output.close)

        def build(attempt: ExitStack) -> Components:
            if not run_dir_is_open:
                open_run_dir(settings.run_dir, attempt)
            built = build_components(settings, signal_output, clock, wakeup.wake, attempt, configuration=configuration)
            attempt.callback(effective.remove_effective_settings, settings.run_dir)
            sources = {} if configuration is None else configuration.sources
            effective.publish_effective_settings(settings, settings.run_dir, overridden, sources)
            return built

        components = build_with_retry(
            build, settings, signal_output, wakeup=wakeup, notifier=notifier, exit_stack=exit_stack
        )
        if components is None:
            return False
        daemon = Daemon(settings, components, wakeup, notifier)
        exit_stack.callback(daemon.stop_workers)
        daemon.start_workers()
        log.info("the kiosk %s/%s has started", settings.site.site, settings.site.device)
        daemon.run_loop()
        notifier.notify_stopping()
        daemon.record_stop()
        log.info("the kiosk stops")
        return daemon.is_restart_requested


def open_signal_with_retry(
    settings: config.Settings,
    wakeup: WakeupPipe,
    notifier: SystemdNotifier,
    probe_inputs: Callable[[config.GpioSettings], None] = check_inputs,
) -> SignalOutput | None:
    """Open the signal output as soon as all GPIO pins are available. None if a stop was requested before.

    If another process holds the GPIO pins, retry instead of exiting: systemd would restart us every second. Meanwhile no person
    gets a decision. Dark lamps mean out of order, and web UI and journal show the reason. Without systemd it raises
    PinsUnavailableError, so that the terminal shows what is missing.
    """
    signal_output: SignalOutput | None = None
    tries = 0
    while not wakeup.stop_requested:
        try:
            signal_output = signal_output or build_signal(settings.gpio)
            probe_inputs(settings.gpio)
        except SignalError as error:
            if isinstance(error, PinsUnavailableError) and not notifier.is_enabled:
                raise
            if signal_output is not None:
                signal_output.set_idle_state(DeviceState.OUT_OF_ORDER)
            publish_start_failure(settings, Measurements(gpio_error=str(error)))
            tries += 1
            if tries == (1 if isinstance(error, PinsUnavailableError) else LOG_AFTER_ATTEMPTS):
                log.error("out-of-order: %s. Retrying.", error)
                notifier.notify_ready(f"out-of-order: {error}")
        else:
            signal_output.set_idle_state(DeviceState.STARTING)
            return signal_output
        notifier.ping_watchdog()
        wakeup.wait(LOOP_INTERVAL_S)
    if signal_output is not None:
        signal_output.close()
    return None


class Daemon:
    """The main loop and the worker threads."""

    def __init__(
        self, settings: config.Settings, components: Components, wakeup: WakeupPipe, notifier: SystemdNotifier
    ) -> None:
        self._settings = settings
        self._components = components
        self._wakeup = wakeup
        self._notifier = notifier
        self._stop = threading.Event()
        self._workers = {
            name: Worker(name, step, self._stop, self._on_worker_crash)
            for name, step in components.worker_steps().items()
        }
        self._crashed_worker = ""
        self._state: DeviceState | None = None
        self._failing_checks: tuple[str, ...] = ()
        self._publish_failed = False
        self._list_errors: tuple[str, ...] = ()
        self._availability = AvailabilityRecorder(AvailabilityLog(settings.storage.path).append)

    def start_workers(self) -> None:
        """Start the workers. Delivery starts after the first state is known, because its imports would delay the first signal."""
        for name, worker in self._workers.items():
            if name != RELAY:
                worker.start()

    def stop_workers(self) -> None:
        """Stop all workers and wait for them."""
        self._components.stop(self._stop)
        for worker in self._workers.values():
            if not worker.join(JOIN_TIMEOUT_S):
                log.error("the %s thread does not end. Exiting without it.", worker.name)

    def run_loop(self) -> None:
        """Run the main loop. Raises WorkerCrashedError if a worker ended by an error."""
        trim_s = self._components.clock.now().monotonic_s + TRIM_INTERVAL_S
        while not (self._wakeup.stop_requested or self._crashed_worker or self.is_restart_requested):
            now = self._components.clock.now()
            if now.monotonic_s >= trim_s:
                trim_s = now.monotonic_s + TRIM_INTERVAL_S
                trim_heap()
            self._reload_lists()
            self.publish_state(now)
            self._wakeup.wait(LOOP_INTERVAL_S)
        if self._crashed_worker:
            raise WorkerCrashedError(
                f"the {self._crashed_worker} thread ended by an error (see the log). The kiosk exits to be restarted."
            )

    @property
    def is_restart_requested(self) -> bool:
        """Whether the program is to start again: a command, another configuration, or a reset of the enrolment."""
        executor, now_s = self._components.command_executor, self._components.clock.now().monotonic_s
        configuration = self._components.configuration
        return (
            self.is_reset_requested
            or self._components.restart_request.is_due
            or (configuration is not None and configuration.is_restart_due)
            or (executor is not None and executor.is_restart_due(now_s))
        )

    @property
    def is_reset_requested(self) -> bool:
        """Whether a person asked this device to forget its enrolment: with both buttons, or `kiosk enrol reset`."""
        folder = self._settings.enrolment.folder
        return self._settings.uses_enrolment and (folder / file_names.ENROLMENT_RESET).exists()

    def record_stop(self) -> None:
        """Record a clean stop in the availability log."""
        self._availability.record_stop(self._components.clock.now())

    def publish_state(self, now: ClockReading) -> None:
        """Publish the health state to all outputs: lamps, centre, web UI, watchdog and availability log."""
        checks = evaluate(self._components.status_collector.collect_measurements(now))
        state = device_state(checks, started=self._components.camera_monitor.has_frame)
        self._components.signal.set_idle_state(state)
        self._components.relay.set_state(state)
        if state is not DeviceState.STARTING:
            self._workers[RELAY].start()
        self._components.relay.set_health(checks)
        self._components.observe_trial(checks, state)
        self._publish_status(self._components.status_collector.build_status(now, checks, state))
        if should_feed_watchdog(checks):
            self._notifier.ping_watchdog()
        self._availability.observe(state, checks, now)
        failing = {check.code: str(check) for check in checks if check.status is not CheckStatus.PASS}
        if state is not self._state or tuple(failing) != self._failing_checks:
            self._log_changes(state, failing)

    def _publish_status(self, snapshot: StatusSnapshot) -> None:
        """Write status.json. An error is logged once: a full run directory must not stop the gate."""
        try:
            status_file.publish_status(snapshot, self._settings.run_dir)
        except OSError as error:
            if not self._publish_failed:
                log.error("the status cannot be published in %s: %s", self._settings.run_dir, error.strerror)
            self._publish_failed = True
            return
        self._publish_failed = False

    def _log_changes(self, state: DeviceState, failing: Mapping[str, str]) -> None:
        """Log each failing check once when it begins and once when it ends. `failing`: its text by code."""
        new = [text for code, text in failing.items() if code not in self._failing_checks]
        over = [f"{code} recovered" for code in self._failing_checks if code not in failing]
        text = "; ".join([*new, *over] or ["healthy" if not failing else "still " + ", ".join(failing)])
        log.log(logging.WARNING if new else logging.INFO, "%s: %s", state.value, text)
        if self._state is None:
            self._notifier.notify_ready(state.value)
        self._state, self._failing_checks = state, tuple(failing)
        self._notifier.set_status(f"{state.value}: {'; '.join(failing.values()) or 'healthy'}")

    def _reload_lists(self) -> None:
        """Load newer signed lists. The current ones stay in use while a new file is invalid."""
        lists, receiver = self._components.list_loader, self._components.list_receiver
        if lists.refresh() | (receiver is not None and receiver.apply_due()):
            self._components.verifier.set_lists(lists.trust_list, lists.denylist)
            log.info("newer lists are in use")
        if lists.errors != self._list_errors:
            self._list_errors = lists.errors
            for error in lists.errors:
                log.error("%s", error)

    def _on_worker_crash(self, name: str) -> None:
        self._crashed_worker = name
        self._wakeup.wake()


def trim_heap() -> None:
    """Return freed heap pages to the system, for example after imports (docs/decisions/0029)."""
    gc.collect()
    if _MALLOC_TRIM is not None:
        _MALLOC_TRIM(0)
