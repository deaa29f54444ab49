"""Builds all components of the daemon from the configuration."""

import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass

from kiosk import config, credentials
from kiosk.app import command_handlers
from kiosk.app.builders import gate, hardware, remote
from kiosk.app.builders.configuration import ConfigurationControl
from kiosk.app.builders.configuration_changes import build_desired_taker, configuration_handlers
from kiosk.app.builders.delivery import build_relay
from kiosk.app.builders.remote_lists import ListReceiver, build_list_receiver
from kiosk.app.builders.renewal import build_renewal, build_slot
from kiosk.app.call_queue import CallQueue
from kiosk.app.control_socket import ControlServer, HandlerMap
from kiosk.app.gate_worker import GateWorker
from kiosk.app.requests.restart_request import RestartRequest
from kiosk.app.sources.camera_worker import CameraWorker
from kiosk.app.sources.frame_slot import LatestFrameSlot
from kiosk.app.sources.idle_detector import IdleDetector
from kiosk.app.sources.scanner_worker import ScannerWorker
from kiosk.app.status_collector import StatusCollector, StatusOptions
from kiosk.config.overlay.judgement import SettingsObservation, failing_checks
from kiosk.core.model import ClockReading, DeviceState, Direction, ManualReason
from kiosk.core.ports import Clock, StoreError
from kiosk.core.reversal import LastAccessEvent
from kiosk.core.status import HealthCheck
from kiosk.credentials.trust.list_loader import ListLoader
from kiosk.decoding.preview.preview import CameraPreview
from kiosk.delivery import OutboxRelay
from kiosk.delivery.remote import CommandChannel, CommandExecutor
from kiosk.enrolment.folder import EnrolmentFolder
from kiosk.enrolment.service_port import RenewalWorker
from kiosk.hardware.gpio.both_held import BothHeld
from kiosk.hardware.gpio.buttons import OpenPinFactory
from kiosk.hardware.gpio.signal_output import SignalOutput
from kiosk.health import CameraMonitor, ReleaseNotices
from kiosk.health.release_notice import PROGRAM_DIR
from kiosk.storage import SqliteEventStore
from kiosk.system import atomic_files
from kiosk.system.instance_lock import acquire_instance_lock

RELAY = "delivery"
"""Name of the worker of the outbox relay."""


@dataclass(frozen=True, slots=True)
class Components:
    """The components of a running daemon."""

    clock: Clock
    signal: SignalOutput
    event_store: SqliteEventStore
    relay: OutboxRelay
    list_loader: ListLoader
    verifier: credentials.CredentialVerifier
    camera_monitor: CameraMonitor
    frame_slot: LatestFrameSlot
    gate_worker: GateWorker
    camera_worker: CameraWorker
    scanner_worker: ScannerWorker | None
    """None: this device has no scanner."""
    control_server: ControlServer
    status_collector: StatusCollector
    command_executor: CommandExecutor | None
    """None: this device obeys no command of the centre."""
    renewal: RenewalWorker | None
    """None: the certificate of this device is renewed by hand."""
    list_receiver: ListReceiver | None
    """None: this device takes no list of the centre."""
    restart_request: RestartRequest
    """Of an administrator of this device."""
    configuration: ConfigurationControl | None
    """None: this process takes no change of its settings."""
    channel: CommandChannel | None

    def worker_steps(self) -> dict[str, Callable[[], float]]:
        """Name of each worker thread -> its step function."""
        steps = {
            "gate": self.gate_worker.step,
            RELAY: self.relay.step,
            "control": self.control_server.step,
            "camera": self.camera_worker.step,
        }
        steps |= {"scanner": self.scanner_worker.step} if self.scanner_worker else {}
        steps |= {"commands": self.command_executor.step} if self.command_executor else {}
        download = self.list_receiver.download if self.list_receiver else None
        steps |= {"downloads": download.step} if download else {}
        return steps | ({"renewal": self.renewal.step} if self.renewal else {})

    def observe_trial(self, checks: Iterable[HealthCheck], state: DeviceState) -> None:
        """Let the configuration on trial see how the kiosk is, and the centre hear of a change."""
        if self.configuration is None:
            return
        uplink = self.relay.status()
        is_starting = state is DeviceState.STARTING
        has_receipt = uplink.last_receipt_at is not None
        seen = SettingsObservation(failing_checks(checks), is_starting, uplink.connected, has_receipt)
        self.configuration.observe(seen)
        if self.configuration.take_change() and self.channel is not None:
            self.channel.say_hello()

    def stop(self, stop: threading.Event) -> None:
        """Set the stop event and wake all waiting workers."""
        stop.set()
        self.frame_slot.close()
        self.camera_worker.close()


@dataclass(frozen=True, slots=True)
class _GateParts:
    """The gate's worker, and what other components need of the gate."""

    worker: GateWorker
    verifier: credentials.CredentialVerifier
    last_event: LastAccessEvent
    timed_out_frames: Callable[[], int]


@dataclass(frozen=True, slots=True)
class _DeliveryParts:
    """The way to the centre, and what comes back on it."""

    relay: OutboxRelay
    channel: CommandChannel | None
    renewal: RenewalWorker | None


def build_components(
    settings: config.Settings,
    signal: SignalOutput,
    clock: Clock,
    on_change: Callable[[], None],
    exit_stack: ExitStack,
    *,
    configuration: ConfigurationControl | None = None,
) -> Components:
    """Build all components. `exit_stack` closes them in reverse order. `configuration`: changes settings. Raises KioskError."""
    started = clock.now()
    acquire_instance_lock(settings.storage.path, exit_stack)
    atomic_files.remove_drafts(settings.storage.path.parent, "*.kept")
    lists = gate.load_lists(settings)
    camera = hardware.build_camera(settings.camera)
    store = gate.open_event_store(settings.storage)
    exit_stack.callback(store.close)
    delivery = _build_delivery(settings, store, lists, clock, configuration=configuration, exit_stack=exit_stack)
    relay, channel, renewal = delivery.relay, delivery.channel, delivery.renewal
    monitor, frame_slot = CameraMonitor(started.monotonic_s), LatestFrameSlot()
    parts = _build_gate(
        settings, store, lists, signal, clock, camera_monitor=monitor, frame_slot=frame_slot, on_change=on_change,
        exit_stack=exit_stack,
    )  # fmt: skip
    idle_detector = build_idle_detector(settings.gpio, exit_stack)
    camera_worker = CameraWorker(camera, frame_slot, settings.camera.timeout_s, idle_detector)
    scanner_worker = build_scanner_worker(settings, frame_slot, exit_stack)
    notices = ReleaseNotices(PROGRAM_DIR, settings.storage.path.parent / "acknowledged-release.json")
    status_collector = _build_status_collector(
        settings, signal, store, lists, parts, delivery=delivery, camera_monitor=monitor, camera_worker=camera_worker,
        scanner_worker=scanner_worker, idle_detector=idle_detector, notices=notices, started=started,
    )  # fmt: skip
    preview = CameraPreview(frame_slot.snapshot)
    exit_stack.callback(preview.close)
    restart = RestartRequest()
    commands = command_handlers.CommandHandlers(
        parts.worker, signal, store, relay, preview, notices, clock, on_change, restart
    )
    handlers = {**commands.handlers(), **configuration_handlers(configuration)}
    control = open_control_socket(settings, exit_stack, handlers, parts.worker)
    receiver = None if channel is None else build_list_receiver(settings, channel, lists, clock)
    tries = build_desired_taker(channel, configuration)
    acts = remote.RemoteActs(parts.worker, signal, store, relay, clock, settings.run_dir, on_change, receiver, tries)
    executor = remote.build_executor(channel, settings, acts, clock)
    built = (clock, signal, store, relay, lists, parts.verifier, monitor, frame_slot, parts.worker, camera_worker)
    return Components(
        *built, scanner_worker, control, status_collector, executor, renewal, receiver, restart, configuration, channel
    )


def _build_delivery(
    settings: config.Settings,
    store: SqliteEventStore,
    lists: ListLoader,
    clock: Clock,
    *,
    configuration: ConfigurationControl | None,
    exit_stack: ExitStack,
) -> _DeliveryParts:
    channel = remote.build_channel(settings, lists, clock, configuration)
    slot = build_slot(settings)
    relay = build_relay(settings, store, clock, channel, slot)
    exit_stack.callback(relay.close)
    return _DeliveryParts(relay, channel, build_renewal(settings, slot, store, relay, clock))


def _build_status_collector(
    settings: config.Settings,
    signal: SignalOutput,
    store: SqliteEventStore,
    lists: ListLoader,
    parts: _GateParts,
    *,
    delivery: _DeliveryParts,
    camera_monitor: CameraMonitor,
    camera_worker: CameraWorker,
    scanner_worker: ScannerWorker | None,
    idle_detector: IdleDetector | None,
    notices: ReleaseNotices,
    started: ClockReading,
) -> StatusCollector:
    renewal = delivery.renewal
    return StatusCollector(
        status_options(settings),
        camera_worker=camera_worker,
        gate_worker=parts.worker,
        camera_monitor=camera_monitor,
        signal_thread_alive=lambda: signal.is_alive,
        timed_out_frames=parts.timed_out_frames,
        event_store=store,
        relay=delivery.relay,
        list_loader=lists,
        last_event=parts.last_event,
        release_notices=notices,
        started=started,
        idle_detector=idle_detector,
        renewal_status=(lambda: renewal.status) if renewal else None,
        scanner_error=(lambda: scanner_worker.error) if scanner_worker else None,
    )


def _build_gate(
    settings: config.Settings,
    store: SqliteEventStore,
    lists: ListLoader,
    signal: SignalOutput,
    clock: Clock,
    *,
    camera_monitor: CameraMonitor,
    frame_slot: LatestFrameSlot,
    on_change: Callable[[], None],
    exit_stack: ExitStack,
) -> _GateParts:
    verifier = credentials.CredentialVerifier(lists.trust_list, lists.denylist)
    visits, last_event = gate.restore_visits(settings, store, clock.now())
    decoder = gate.build_decoder(settings)
    exit_stack.callback(decoder.close)
    worker = GateWorker(
        gate.build_gate(
            settings,
            decoder,
            verifier=verifier,
            lists=lists,
            visits=visits,
            event_store=store,
            signal=signal,
            clock=clock,
            last_event=last_event,
        ),
        frame_slot,
        camera_monitor=camera_monitor,
        call_queue=CallQueue(),
        probe_store=store.check_writable,
        count_occupancy=lambda: visits.occupancy(clock.now()),
        on_change=on_change,
    )
    exit_stack.callback(worker.close)
    try:
        store.check_writable()  # a full or read-only disk is out of order before the first person comes
    except StoreError as error:
        worker.store_error = str(error)
    return _GateParts(worker, verifier, last_event, lambda: decoder.timed_out_frames)


def status_options(settings: config.Settings) -> StatusOptions:
    """Options of the status collector from the configuration."""
    return StatusOptions(
        site=settings.site.site,
        device=settings.site.device,
        camera_source=settings.camera.source,
        database_path=settings.storage.path,
        min_free_bytes=settings.storage.min_free_bytes,
        backlog_limit=settings.storage.max_rows,
        capacity=settings.access.capacity,
        web_port=settings.web.port,
        sysfs=settings.sysfs,
        web_expected=settings.web.certificate is not None,
    )


def open_control_socket(
    settings: config.Settings,
    exit_stack: ExitStack,
    handlers: HandlerMap,
    gate_worker: GateWorker,
) -> ControlServer:
    """Create the control socket and open the buttons of the guard. Raises KioskError."""
    control = ControlServer(settings.run_dir, handlers)
    exit_stack.callback(control.close)
    connect_buttons(settings, exit_stack, gate_worker, on_both=reset_by_buttons(settings))
    return control


def build_idle_detector(gpio: config.GpioSettings, exit_stack: ExitStack) -> IdleDetector | None:
    """The idle detector with its presence sensor. None if no sensor is configured. Raises SignalError."""
    if gpio.presence_sensor is None:
        return None
    detector = IdleDetector(gpio.idle_after_s)
    sensor = hardware.build_presence_sensor(gpio, detector.on_sensor_change)
    if sensor is not None:
        exit_stack.callback(sensor.close)
    return detector


def build_scanner_worker(
    settings: config.Settings, frame_slot: LatestFrameSlot, exit_stack: ExitStack
) -> ScannerWorker | None:
    """The worker of the scanner. None if this device has none."""
    scanner = hardware.build_scanner(settings)
    if scanner is None:
        return None
    worker = ScannerWorker(scanner, frame_slot)
    exit_stack.callback(worker.close)
    return worker


def connect_buttons(
    settings: config.Settings,
    exit_stack: ExitStack,
    gate_worker: GateWorker,
    make_factory: OpenPinFactory | None = None,
    on_both: BothHeld | None = None,
) -> None:
    """Connect the buttons of the guard with the gate. They act in separate threads. Raises SignalError."""
    direction = admit_button_direction(settings)
    for button in hardware.build_buttons(
        settings.gpio,
        on_admit=lambda: gate_worker.admit(direction, command_handlers.ADMIT_TIMEOUT_S, ManualReason.BUTTON),
        on_undo=lambda: gate_worker.undo(ManualReason.BUTTON, command_handlers.UNDO_TIMEOUT_S),
        on_both=on_both,
        make_factory=make_factory,
    ):
        exit_stack.callback(button.close)
    if on_both is not None:
        exit_stack.callback(on_both.close)  # before the buttons that it watches


def reset_by_buttons(settings: config.Settings) -> BothHeld | None:
    """Both buttons held make this device forget its enrolment. None: it has none, or the configuration forbids it."""
    hold_s = settings.enrolment.reset_hold_s
    if not hold_s or not settings.uses_enrolment:
        return None
    return BothHeld(hold_s, EnrolmentFolder(settings.enrolment.folder).request_reset)


def admit_button_direction(settings: config.Settings) -> Direction:
    """The direction of the admit button: out at an exit, in at all other gates."""
    return Direction.OUT if settings.access.direction == "out" else Direction.IN
