"""Puts the rooms of the daemon together, as a configuration asks for them."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from kiosk import config, credentials
from kiosk.app import command_handlers
from kiosk.app.call_queue import CallQueue
from kiosk.app.camera_worker import CameraWorker
from kiosk.app.control_socket import ControlServer
from kiosk.app.frame_slot import LatestFrameSlot
from kiosk.app.gate_worker import GateWorker
from kiosk.app.idle_detector import IdleDetector
from kiosk.app.status_collector import StatusCollector
from kiosk.config.policy import build_policy
from kiosk.core.gate import Gate
from kiosk.core.model import ClockReading, Direction, ManualReason
from kiosk.core.ports import Clock, Decoder, KioskError, Verifier
from kiosk.core.reversal import LastAccessEvent
from kiosk.core.subject_sealing import Pseudonymizer, Seal
from kiosk.core.visits import VisitTracker
from kiosk.credentials.trust.list_loader import ListLoader
from kiosk.decoding import Cascade
from kiosk.decoding.preview.preview import CameraPreview
from kiosk.decoding.time_limit import TimeLimitedDecoder
from kiosk.decoding.warm_up import warm_up_decoder
from kiosk.delivery import OutboxRelay
from kiosk.delivery.factory import build_relay
from kiosk.hardware.cameras.factory import open_camera
from kiosk.hardware.gpio.buttons import OpenPinFactory, open_buttons
from kiosk.hardware.gpio.presence_sensor import open_presence_sensor
from kiosk.hardware.gpio.signal_output import SignalOutput, open_pin_factory
from kiosk.health import CameraMonitor
from kiosk.storage import RetentionLimits, SqliteEventStore
from kiosk.system import status_file
from kiosk.system.handed_keys import credential_path
from kiosk.system.instance_lock import acquire_instance_lock

RELAY = "courier"
"""Its worker's name."""
MAX_RESTORED_EVENTS = 20_000
"""How many of the newest passages tell who is inside after a restart."""


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
    exit_stack.callback(status_file.remove_status, settings.run_dir)
    lists = load_lists(settings)
    camera = open_camera(settings.camera)
    acquire_instance_lock(settings.storage.path, exit_stack)
    store = open_event_store(settings.storage)
    exit_stack.callback(store.close)
    courier = build_relay(settings, store, clock)
    exit_stack.callback(courier.close)
    verifier = credentials.CredentialVerifier(lists.trust_list, lists.denylist)
    visits, last = restore_visits(settings, store, started)
    watch, mailbox = CameraMonitor(started.monotonic_s), LatestFrameSlot()
    decoder = build_decoder(settings)
    exit_stack.callback(decoder.close)
    gate_loop = GateWorker(
        build_gate(
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
    presence = build_idle_detector(settings.gpio, exit_stack)
    camera_loop = CameraWorker(camera, mailbox, settings.camera.timeout_s, presence)
    bulletin = StatusCollector(
        settings,
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


def load_lists(settings: config.Settings) -> ListLoader:
    """The signed lists; our copies of the last good ones lie beside the database. Raises ListTrouble."""
    return ListLoader(
        trust_path=settings.keys.trust_list,
        root_path=settings.keys.root_public_key,
        denylist_path=settings.keys.denylist,
        copies_dir=settings.storage.path.parent,
    )


def restore_visits(
    settings: config.Settings, event_store: SqliteEventStore, now: ClockReading
) -> tuple[VisitTracker, LastAccessEvent]:
    """Who is inside, and what can be undone, by the newest records. Raises StoreTrouble."""
    visits = VisitTracker(
        window_s=settings.visit.repeat_window_s,
        reset_at=settings.access.daily_reset_at,
        timezone=settings.site.timezone,
    )
    last = LastAccessEvent(settings.visit.undo_window_s, boot_id=event_store.boot_id)
    records = event_store.recent(MAX_RESTORED_EVENTS)
    visits.restore(reversed(records), now, event_store.boot_id)
    last.restore(reversed(records))
    return visits, last


def build_decoder(settings: config.Settings) -> TimeLimitedDecoder:
    """The cascade, within a hard limit per frame (docs/decisions/0007), its engines loaded."""
    share = settings.decoding.budget_share
    warm_up_decoder(settings.camera.width, settings.camera.height)
    return TimeLimitedDecoder(lambda: Cascade(is_known_format=credentials.is_known_format, budget_share=share))


def build_gate(
    settings: config.Settings,
    decoder: Decoder,
    *,
    verifier: Verifier,
    visits: VisitTracker,
    event_store: SqliteEventStore,
    signal: SignalOutput,
    clock: Clock,
    last_event: LastAccessEvent,
) -> Gate:
    """The gate, with its keys and policy. Raises KioskError."""
    return Gate(
        decoder=decoder,
        verifier=verifier,
        visits=visits,
        policy=build_policy(settings),
        pseudonymizer=Pseudonymizer(read_key_file(credential_path(settings.keys.pseudonym_key))),
        seal=Seal(read_key_file(settings.keys.sealing_public_key)),
        event_store=event_store,
        signal=signal,
        clock=clock,
        last_event=last_event,
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
    """What the presence sensor says, where there is one. Raises SignalTrouble."""
    if gpio.presence_sensor is None:
        return None
    presence = IdleDetector(gpio.idle_after_s)
    sensor = open_presence_sensor(gpio, presence.on_sensor_change)
    if sensor is not None:
        exit_stack.callback(sensor.close)
    return presence


def connect_buttons(
    settings: config.Settings,
    exit_stack: ExitStack,
    gate_worker: GateWorker,
    factory: OpenPinFactory = open_pin_factory,
) -> None:
    """The guard's buttons act on the gate, in threads of their own. Raises SignalTrouble."""
    towards = admit_button_direction(settings)
    for button in open_buttons(
        settings.gpio,
        on_admit=lambda: gate_worker.admit(towards, command_handlers.ADMIT_TIMEOUT_S, ManualReason.BUTTON),
        on_undo=lambda: gate_worker.undo(ManualReason.BUTTON, command_handlers.UNDO_TIMEOUT_S),
        make_factory=factory,
    ):
        exit_stack.callback(button.close)


def admit_button_direction(settings: config.Settings) -> Direction:
    """Which way the button lets people: out at a gate that is a way out, in at all others."""
    return Direction.OUT if settings.access.direction == "out" else Direction.IN


def open_event_store(storage: config.StorageSettings) -> SqliteEventStore:
    """The database, with its declared limits. Raises StoreTrouble."""
    limits = RetentionLimits(
        retention_days=storage.retention_days,
        max_rows=storage.max_rows,
        max_file_bytes=storage.max_bytes,
        low_space_bytes=storage.low_space_bytes,
        min_free_bytes=storage.min_free_bytes,
    )
    return SqliteEventStore(storage.path, limits=limits)


def create_run_dir(run_dir: Path) -> None:
    """Make the folder in memory where systemd did not. Raises KioskError."""
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
    except OSError as trouble:
        raise KioskError(f"run_dir {run_dir} cannot be made: {trouble.strerror}.") from trouble


def read_key_file(path: Path) -> bytes:
    """A key file, whole. Raises KioskError with its name."""
    try:
        return path.read_bytes()
    except OSError as trouble:
        raise KioskError(f"{path}: {trouble.strerror}. The configuration names it in [keys].") from trouble
