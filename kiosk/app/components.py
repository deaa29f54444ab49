"""Puts the rooms of the daemon together, as a configuration asks for them."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from kiosk import config, credentials
from kiosk.app import command_handlers
from kiosk.app.call_queue import Errands
from kiosk.app.camera_worker import CameraLoop
from kiosk.app.control_socket import Control
from kiosk.app.frame_slot import Mailbox
from kiosk.app.gate_worker import GateLoop
from kiosk.app.idle_detector import Presence
from kiosk.app.status_collector import Bulletin
from kiosk.config.policy import policy_of
from kiosk.core import status
from kiosk.core.gate import Gate
from kiosk.core.model import Direction, Grounds, Moment
from kiosk.core.ports import Clock, Decoder, KioskError, Verifier
from kiosk.core.reversal import LastPassage
from kiosk.core.subject_sealing import Pseudonyms, Seal
from kiosk.core.visits import Visits
from kiosk.credentials.trust.list_loader import ListKeeper
from kiosk.decoding import Cascade
from kiosk.decoding.preview.preview import Viewfinder
from kiosk.decoding.time_limit import BoundedDecoder
from kiosk.decoding.warm_up import rehearse
from kiosk.delivery import Courier
from kiosk.delivery.factory import make_courier
from kiosk.hardware.cameras.factory import open_camera
from kiosk.hardware.gpio.buttons import OpenFactory, open_buttons
from kiosk.hardware.gpio.presence_sensor import open_presence
from kiosk.hardware.gpio.signal_output import Lamps, open_factory
from kiosk.health import CameraWatch
from kiosk.storage import Limits, Store
from kiosk.system.handed_keys import handed
from kiosk.system.instance_lock import only_one

COURIER = "courier"
"""Its worker's name."""
RESTORED = 20_000
"""How many of the newest passages tell who is inside after a restart."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the daemon's main thread watches over, and what its workers step."""

    clock: Clock
    lamps: Lamps
    store: Store
    courier: Courier
    lists: ListKeeper
    verifier: credentials.Dispatcher
    watch: CameraWatch
    mailbox: Mailbox
    gate_loop: GateLoop
    camera_loop: CameraLoop
    control: Control
    bulletin: Bulletin

    def steps(self) -> dict[str, Callable[[], float]]:
        """One thread each."""
        return {
            "gate": self.gate_loop.step,
            COURIER: self.courier.step,
            "control": self.control.step,
            "camera": self.camera_loop.step,
        }

    def stop(self, stop: threading.Event) -> None:
        """Wake every worker that waits, so that it sees the stop."""
        stop.set()
        self.mailbox.close()
        self.camera_loop.close()


def furnish(settings: config.Settings, lamps: Lamps, clock: Clock, news: Callable[[], None], house: ExitStack) -> Rooms:
    """Make all rooms; `house` will close them in reverse order. Raises KioskError with what is wrong."""
    started = clock.now()
    house.callback(status.withdraw, settings.run_dir)
    lists = keep_lists(settings)
    camera = open_camera(settings.camera)
    only_one(settings.records.path, house)
    store = open_store(settings.records)
    house.callback(store.close)
    courier = make_courier(settings, store, clock)
    house.callback(courier.close)
    verifier = credentials.Dispatcher(lists.trust_list, lists.denylist)
    visits, last = remembered(settings.visit, store, started)
    watch, mailbox = CameraWatch(started.s), Mailbox()
    decoder = make_decoder(settings)
    house.callback(decoder.close)
    gate_loop = GateLoop(
        make_gate(
            settings, decoder, verifier=verifier, visits=visits, store=store, lamps=lamps, clock=clock, last=last
        ),
        mailbox,
        watch=watch,
        errands=Errands(),
        probe=store.probe,
        inside=lambda: visits.inside(clock.now()),
        news=news,
    )
    presence = feel_presence(settings.signal, house)
    camera_loop = CameraLoop(camera, mailbox, settings.camera.timeout_s, presence)
    bulletin = Bulletin(
        settings,
        camera_loop=camera_loop,
        gate_loop=gate_loop,
        watch=watch,
        lamps_alive=lambda: lamps.alive,
        overruns=lambda: decoder.overruns,
        store=store,
        courier=courier,
        lists=lists,
        last=last,
        started=started,
        presence=presence,
    )
    control = hear_people(
        settings, house, gate_loop=gate_loop, lamps=lamps, store=store, courier=courier, news=news, mailbox=mailbox
    )
    return Rooms(
        clock, lamps, store, courier, lists, verifier, watch, mailbox, gate_loop, camera_loop, control, bulletin
    )


def keep_lists(settings: config.Settings) -> ListKeeper:
    """The signed lists; our copies of the last good ones lie beside the database. Raises ListTrouble."""
    return ListKeeper(
        trust_path=settings.keys.trust_list,
        root_path=settings.keys.root,
        deny_path=settings.keys.denylist,
        kept_dir=settings.records.path.parent,
    )


def remembered(visit: config.Visit, store: Store, now: Moment) -> tuple[Visits, LastPassage]:
    """Who is inside, and what can be undone, by the newest records. Raises StoreTrouble."""
    visits = Visits(window_s=visit.window_s, reset_at=visit.reset_at, timezone=visit.timezone)
    last = LastPassage(visit.undo_s, boot_id=store.boot_id)
    records = store.recent(RESTORED)
    visits.restore(reversed(records), now, store.boot_id)
    last.restore(reversed(records))
    return visits, last


def make_decoder(settings: config.Settings) -> BoundedDecoder:
    """The cascade, within a hard limit per frame (docs/decisions/0011), its engines loaded."""
    share = settings.reading.budget_share
    rehearse(settings.camera.width, settings.camera.height)
    return BoundedDecoder(lambda: Cascade(known=credentials.known_grammar, budget_share=share))


def make_gate(
    settings: config.Settings,
    decoder: Decoder,
    *,
    verifier: Verifier,
    visits: Visits,
    store: Store,
    lamps: Lamps,
    clock: Clock,
    last: LastPassage,
) -> Gate:
    """The gate, with its keys and policy. Raises KioskError."""
    return Gate(
        decoder=decoder,
        verifier=verifier,
        visits=visits,
        policy=policy_of(settings),
        pseudonyms=Pseudonyms(read_key(handed(settings.keys.pseudonym))),
        seal=Seal(read_key(settings.keys.centre)),
        store=store,
        signal=lamps,
        clock=clock,
        last=last,
    )


def hear_people(
    settings: config.Settings,
    house: ExitStack,
    *,
    gate_loop: GateLoop,
    lamps: Lamps,
    store: Store,
    courier: Courier,
    news: Callable[[], None],
    mailbox: Mailbox,
) -> Control:
    """The control socket, and the guard's buttons where there are any. Raises KioskError."""
    viewfinder = Viewfinder(mailbox.copy_next)
    house.callback(viewfinder.close)
    heard = command_handlers.Orders(gate_loop, lamps, store, courier, viewfinder, news)
    control = Control(settings.run_dir, heard.handlers())
    house.callback(control.close)
    watch_buttons(settings, house, gate_loop)
    return control


def feel_presence(signal: config.Signal, house: ExitStack) -> Presence | None:
    """What the presence sensor says, where there is one. Raises SignalTrouble."""
    if signal.presence is None:
        return None
    presence = Presence(signal.presence_rest_s)
    sensor = open_presence(signal, presence.sensed)
    if sensor is not None:
        house.callback(sensor.close)
    return presence


def watch_buttons(
    settings: config.Settings,
    house: ExitStack,
    gate_loop: GateLoop,
    factory: OpenFactory = open_factory,
) -> None:
    """The guard's buttons act on the gate, in threads of their own. Raises SignalTrouble."""
    towards = admits_towards(settings)
    for button in open_buttons(
        settings.signal,
        admit=lambda: gate_loop.admit(towards, command_handlers.ADMIT_WITHIN_S, Grounds.BUTTON),
        undo=lambda: gate_loop.undo(Grounds.BUTTON, command_handlers.UNDO_WITHIN_S),
        factory=factory,
    ):
        house.callback(button.close)


def admits_towards(settings: config.Settings) -> Direction:
    """Which way the button lets people: out at a gate that is a way out, in at all others."""
    return Direction.OUT if settings.visit.direction == "out" else Direction.IN


def open_store(records: config.Records) -> Store:
    """The database, with its declared limits. Raises StoreTrouble."""
    limits = Limits(
        retention_days=records.retention_days,
        max_rows=records.max_rows,
        max_bytes=records.max_bytes,
        reserve_bytes=records.reserve_bytes,
        floor_bytes=records.floor_bytes,
    )
    return Store(records.path, limits=limits)


def make_run_dir(run_dir: Path) -> None:
    """Make the folder in memory where systemd did not. Raises KioskError."""
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
    except OSError as trouble:
        raise KioskError(f"run_dir {run_dir} cannot be made: {trouble.strerror}.") from trouble


def read_key(path: Path) -> bytes:
    """A key file, whole. Raises KioskError with its name."""
    try:
        return path.read_bytes()
    except OSError as trouble:
        raise KioskError(f"{path}: {trouble.strerror}. The configuration names it in [keys].") from trouble
