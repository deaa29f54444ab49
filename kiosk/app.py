"""The daemon from start to stop: the rooms are put together, four threads turn, and everything ends in reverse order.

Camera thread -> mailbox -> gate thread -> disk and lamp; courier thread -> centre; the main thread watches over them, tells the
truth about them (lamp, page, wire), and feeds systemd's watchdog with the same facts.
"""

import logging
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from kiosk import config, credentials, status
from kiosk.bulletin import Bulletin, ListInForce
from kiosk.camera_loop import CameraLoop
from kiosk.clock import SystemClock
from kiosk.credentials import denylist, trust
from kiosk.devices.cameras import open_camera
from kiosk.devices.lamps import Lamps, open_signal
from kiosk.doorbell import Doorbell
from kiosk.gate import Gate
from kiosk.gate_loop import GateLoop
from kiosk.mailbox import Mailbox
from kiosk.model import State
from kiosk.policy import policy_of
from kiosk.ports import KioskError
from kiosk.reading import Cascade
from kiosk.seal import Pseudonyms, Seal
from kiosk.selfcheck import CameraWatch, judge, state_of, watchdog_may_be_fed
from kiosk.store import Store
from kiosk.systemd_notify import Notifier
from kiosk.uplink import make_courier
from kiosk.visits import Visits
from kiosk.worker import Worker

log = logging.getLogger(__name__)

TURN_S = 1.0
"""How often the main thread looks after the others, when nothing rings before."""
JOIN_S = 5.0
RESTORED = 20_000
"""How many of the newest passages tell who is inside after a restart."""


class Crashed(KioskError):
    """A thread ended by an error; the daemon stops, and systemd starts it again."""


@dataclass(frozen=True, slots=True)
class Lists:
    """The signed lists in force."""

    trust_list: trust.TrustList
    denied: denylist.Denylist | None

    def in_force(self) -> dict[str, ListInForce]:
        """By name, for page and self-check."""
        found = {"trust": ListInForce(self.trust_list.number, self.trust_list.issued_at)}
        if self.denied:
            found["denied"] = ListInForce(self.denied.number, self.denied.issued_at)
        return found


def load_lists(keys: config.Keys) -> Lists:
    """Read trust list and denylist. Raises ListTrouble."""
    denied = denylist.load(keys.denylist, keys.root) if keys.denylist else None
    return Lists(trust.load(keys.trust_list, keys.root), denied)


def run(settings: config.Settings) -> None:
    """Run until SIGTERM or Ctrl-C. Raises KioskError where it cannot start, and Crashed where a thread ended by an error."""
    with ExitStack() as house:
        notifier = Notifier()
        bell = house.enter_context(Doorbell())
        lamps = open_signal(settings.signal)
        house.callback(lamps.close)
        daemon = Daemon(settings, lamps, bell, notifier, house)
        log.info("the kiosk %s/%s has started", settings.site.site, settings.site.device)
        daemon.watch()
        notifier.stopping()
        log.info("the kiosk stops")


class Daemon:
    """The rooms, put together. Made, watched and ended in the main thread; `house` ends everything in reverse order."""

    def __init__(
        self, settings: config.Settings, lamps: Lamps, bell: Doorbell, notifier: Notifier, house: ExitStack
    ) -> None:
        self._settings = settings
        self._lamps = lamps
        self._bell = bell
        self._notifier = notifier
        self._clock = SystemClock()
        self._crashed = ""
        self._state: State | None = None
        self._publish_trouble = False
        started = self._clock.now()
        self._make_run_dir(house)
        lists = load_lists(settings.keys)
        store = Store(settings.records.path)
        house.callback(store.close)
        self._courier = make_courier(settings, store, self._clock)
        house.callback(self._courier.close)
        camera = open_camera(settings.camera)
        mailbox = Mailbox()
        self._watch = CameraWatch(started.s)
        gate_loop = self._make_gate_loop(store, lists, mailbox)
        camera_loop = CameraLoop(camera, mailbox, settings.camera.timeout_s)
        self._bulletin = Bulletin(
            settings,
            camera_loop=camera_loop,
            gate_loop=gate_loop,
            watch=self._watch,
            lamps_alive=lambda: lamps.alive,
            store=store,
            courier=self._courier,
            lists=lists.in_force(),
            started=started,
        )
        self._start_workers(camera_loop, gate_loop, mailbox, house)

    def watch(self) -> None:
        """The main thread's loop. Raises Crashed when a worker ended by an error."""
        while not self._bell.stop_asked and not self._crashed:
            self._turn()
            self._bell.wait(TURN_S)
        if self._crashed:
            raise Crashed(
                f"the {self._crashed} thread ended by an error; see the log. The kiosk stops so that it is started anew."
            )

    def _turn(self) -> None:
        """Tell the truth, once: the same facts to lamp, centre, page and watchdog (law 3)."""
        now = self._clock.now()
        facts = judge(self._bulletin.measures(now))
        state = state_of(facts, started=self._watch.begun)
        self._lamps.rest(state)
        self._courier.set_state(state)
        self._courier.set_health(now.quality.value, {fact.name: fact.grade.value for fact in facts})
        self._publish(self._bulletin.status(now, facts, state))
        if watchdog_may_be_fed(facts):
            self._notifier.alive()
        if state is not self._state:
            self._changed(state, [fact.en for fact in facts if fact.grade is not status.Grade.OK])

    def _publish(self, snapshot: status.Status) -> None:
        """A full run directory silences the page, which then says so; it must not stop the gate."""
        try:
            status.publish(snapshot, self._settings.run_dir)
        except OSError as trouble:
            if not self._publish_trouble:
                log.error("the status cannot be published in %s: %s", self._settings.run_dir, trouble.strerror)
            self._publish_trouble = True
            return
        self._publish_trouble = False

    def _changed(self, state: State, troubles: Sequence[str]) -> None:
        said = "; ".join(troubles) or "all is well"
        log.log(logging.WARNING if troubles else logging.INFO, "%s: %s", state.value, said)
        if self._state is None:
            self._notifier.ready(state.value)
        self._state = state
        self._notifier.status(f"{state.value}: {said}")

    def _make_run_dir(self, house: ExitStack) -> None:
        try:
            self._settings.run_dir.mkdir(parents=True, exist_ok=True)
        except OSError as trouble:
            raise KioskError(f"run_dir {self._settings.run_dir} cannot be made: {trouble.strerror}.") from trouble
        house.callback(status.withdraw, self._settings.run_dir)

    def _make_gate_loop(self, store: Store, lists: Lists, mailbox: Mailbox) -> GateLoop:
        settings = self._settings
        visits = Visits(
            window_s=settings.visit.window_s, reset_at=settings.visit.reset_at, timezone=settings.visit.timezone
        )
        visits.restore(reversed(store.recent(RESTORED)), self._clock.now(), store.boot_id)
        gate = Gate(
            decoder=Cascade(known=credentials.known_grammar),
            verifier=credentials.Dispatcher(lists.trust_list, lists.denied),
            visits=visits,
            policy=policy_of(settings),
            pseudonyms=Pseudonyms(read_key(settings.keys.pseudonym)),
            seal=Seal(read_key(settings.keys.centre)),
            store=store,
            signal=self._lamps,
            clock=self._clock,
        )
        return GateLoop(
            gate,
            mailbox,
            watch=self._watch,
            probe=store.probe,
            inside=lambda: visits.inside(self._clock.now()),
            news=self._bell.ring,
        )

    def _start_workers(self, camera_loop: CameraLoop, gate_loop: GateLoop, mailbox: Mailbox, house: ExitStack) -> None:
        stop = threading.Event()
        steps = {"gate": gate_loop.step, "courier": self._courier.step, "camera": camera_loop.step}
        workers = [Worker(name, step, stop, self._worker_crashed) for name, step in steps.items()]

        def end() -> None:
            stop.set()
            mailbox.close()
            camera_loop.close()
            for worker in workers:
                if not worker.join(JOIN_S):
                    log.error("the %s thread does not end; leaving without it", worker.name)

        house.callback(end)
        for worker in workers:
            worker.start()

    def _worker_crashed(self, name: str) -> None:
        self._crashed = name
        self._bell.ring()


def read_key(path: Path) -> bytes:
    """A key file, whole. Raises KioskError with its name."""
    try:
        return path.read_bytes()
    except OSError as trouble:
        raise KioskError(f"{path}: {trouble.strerror}. The configuration names it in [keys].") from trouble
