"""Puts the rooms of the daemon together, as a configuration asks for them."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from kiosk import config, credentials
from kiosk.app import command_handlers
from kiosk.app.builders import gate, hardware
from kiosk.app.builders.delivery import build_relay
from kiosk.app.call_queue import CallQueue
from kiosk.app.camera_worker import CameraWorker
from kiosk.app.control_socket import ControlServer
from kiosk.app.frame_slot import LatestFrameSlot
from kiosk.app.gate_worker import GateWorker
from kiosk.app.idle_detector import IdleDetector
from kiosk.app.status_collector import StatusCollector, StatusOptions
from kiosk.core.model import Direction, ManualReason
from kiosk.core.ports import Clock, StoreError
from kiosk.credentials.trust.list_loader import ListLoader
from kiosk.decoding.preview.preview import CameraPreview
from kiosk.delivery import OutboxRelay
from kiosk.hardware.gpio.buttons import OpenPinFactory
from kiosk.hardware.gpio.signal_output import SignalOutput
from kiosk.health import CameraMonitor
from kiosk.storage import SqliteEventStore
from kiosk.system import atomic_files
from kiosk.system.instance_lock import acquire_instance_lock

RELAY = "courier"
"""Its worker's name."""


@dataclass(frozen=True, slots=True)
class Components:
    """What the daemon's main thread watches over, and what its workers step."""

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
    control_server: ControlServer
    status_collector: StatusCollector

    def worker_steps(self) -> dict[str, Callable[[], float]]:
        """One thread each."""
        return {
            "gate": self.gate_worker.step,
            RELAY: self.relay.step,
            "control": self.control_server.step,
            "camera": self.camera_worker.step,
        }

    def stop(self, stop: threading.Event) -> None:
        """Wake every worker that waits, so that it sees the stop."""
        stop.set()
        self.frame_slot.close()
        self.camera_worker.close()


def build_components(
    settings: config.Settings, signal: SignalOutput, clock: Clock, on_change: Callable[[], None], exit_stack: ExitStack
) -> Components:
    """Make all rooms; `house` will close them in reverse order. Raises KioskError with what is wrong."""
    started = clock.now()
    acquire_instance_lock(settings.storage.path, exit_stack)
    atomic_files.remove_drafts(settings.storage.path.parent, "*.kept")
    lists = gate.load_lists(settings)
    camera = hardware.build_camera(settings.camera)
    store = gate.open_event_store(settings.storage)
    exit_stack.callback(store.close)
    courier = build_relay(settings, store, clock)
    exit_stack.callback(courier.close)
    verifier = credentials.CredentialVerifier(lists.trust_list, lists.denylist)
    visits, last = gate.restore_visits(settings, store, started)
    watch, mailbox = CameraMonitor(started.monotonic_s), LatestFrameSlot()
    decoder = gate.build_decoder(settings)
    exit_stack.callback(decoder.close)
    gate_loop = GateWorker(
        gate.build_gate(
            settings,
            decoder,
            verifier=verifier,
            visits=visits,
            event_store=store,
            signal=signal,
            clock=clock,
            last_event=last,
        ),
        mailbox,
        camera_monitor=watch,
        call_queue=CallQueue(),
        probe_store=store.check_writable,
        count_occupancy=lambda: visits.occupancy(clock.now()),
        on_change=on_change,
    )
    exit_stack.callback(gate_loop.close)
    try:
        store.check_writable()  # a full or read-only disk is out of order before the first person comes
    except StoreError as error:
        gate_loop.store_error = str(error)
    presence = build_idle_detector(settings.gpio, exit_stack)
    camera_loop = CameraWorker(camera, mailbox, settings.camera.timeout_s, presence)
    bulletin = StatusCollector(
        status_options(settings),
        camera_worker=camera_loop,
        gate_worker=gate_loop,
        camera_monitor=watch,
        signal_thread_alive=lambda: signal.is_alive,
        timed_out_frames=lambda: decoder.timed_out_frames,
        event_store=store,
        relay=courier,
        list_loader=lists,
        last_event=last,
        started=started,
        idle_detector=presence,
    )
    control = open_control_socket(
        settings,
        exit_stack,
        gate_worker=gate_loop,
        signal=signal,
        event_store=store,
        relay=courier,
        on_change=on_change,
        frame_slot=mailbox,
    )
    return Components(
        clock, signal, store, courier, lists, verifier, watch, mailbox, gate_loop, camera_loop, control, bulletin
    )


def status_options(settings: config.Settings) -> StatusOptions:
    """What the status collector needs of the configuration."""
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
    )


def open_control_socket(
    settings: config.Settings,
    exit_stack: ExitStack,
    *,
    gate_worker: GateWorker,
    signal: SignalOutput,
    event_store: SqliteEventStore,
    relay: OutboxRelay,
    on_change: Callable[[], None],
    frame_slot: LatestFrameSlot,
) -> ControlServer:
    """The control socket, and the guard's buttons where there are any. Raises KioskError."""
    viewfinder = CameraPreview(frame_slot.snapshot)
    exit_stack.callback(viewfinder.close)
    heard = command_handlers.CommandHandlers(gate_worker, signal, event_store, relay, viewfinder, on_change)
    control = ControlServer(settings.run_dir, heard.handlers())
    exit_stack.callback(control.close)
    connect_buttons(settings, exit_stack, gate_worker)
    return control


def build_idle_detector(gpio: config.GpioSettings, exit_stack: ExitStack) -> IdleDetector | None:
    """The idle detector with its presence sensor, where there is one. Raises SignalError."""
    if gpio.presence_sensor is None:
        return None
    detector = IdleDetector(gpio.idle_after_s)
    sensor = hardware.build_presence_sensor(gpio, detector.on_sensor_change)
    if sensor is not None:
        exit_stack.callback(sensor.close)
    return detector


def connect_buttons(
    settings: config.Settings,
    exit_stack: ExitStack,
    gate_worker: GateWorker,
    make_factory: OpenPinFactory | None = None,
) -> None:
    """The guard's buttons act on the gate, in threads of their own. Raises SignalError."""
    direction = admit_button_direction(settings)
    for button in hardware.build_buttons(
        settings.gpio,
        on_admit=lambda: gate_worker.admit(direction, command_handlers.ADMIT_TIMEOUT_S, ManualReason.BUTTON),
        on_undo=lambda: gate_worker.undo(ManualReason.BUTTON, command_handlers.UNDO_TIMEOUT_S),
        make_factory=make_factory,
    ):
        exit_stack.callback(button.close)


def admit_button_direction(settings: config.Settings) -> Direction:
    """The direction of the admit button: out at an exit, in at all other gates."""
    return Direction.OUT if settings.access.direction == "out" else Direction.IN
