"""The daemon from start to stop: workers turn, the main thread watches over them, and everything ends in reverse order.

Camera thread -> mailbox -> gate thread -> disk and lamp; courier thread -> centre; control thread <- orders of people. The main
thread judges the facts and tells the same truth to lamp, centre, page and systemd's watchdog.
"""

import contextlib
import ctypes
import gc
import logging
import os
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from importlib.metadata import version

from kiosk import config
from kiosk.app.components import COURIER, Rooms, furnish, make_run_dir
from kiosk.app.worker import Worker
from kiosk.config import effective
from kiosk.core import status
from kiosk.core.model import Moment, State
from kiosk.core.ports import Clock, KioskError, SignalTrouble
from kiosk.hardware.gpio.input_probe import try_inputs
from kiosk.hardware.gpio.signal_output import Lamps, NoPins, open_signal
from kiosk.health import Measures, judge, state_of, watchdog_may_be_fed
from kiosk.health.availability import DiaryKeeper
from kiosk.storage.availability_log import Diary
from kiosk.system import logs
from kiosk.system.clock import SystemClock
from kiosk.system.systemd import Notifier
from kiosk.system.wakeup import Doorbell

log = logging.getLogger(__name__)

TURN_S = 1.0
"""How often the main thread looks after the others, when nothing rings before."""
TOLD_AFTER_TRIES = 3
"""Pins that cannot be had are told in the log then: at power-on udev may hand them over a moment after our start."""
JOIN_S = 5.0
TRIM_EVERY_S = 15.0
"""How often freed memory is given back: the search of a whole scene leaves some MB in the heap."""
_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None)
"""glibc's; other C libraries do it by themselves, or not."""


SYSTEM_CLOCK = SystemClock()


class Crashed(KioskError):
    """A thread ended by an error; the daemon stops, and systemd starts it again."""


def run(settings: config.Settings, overridden: Collection[str] = (), clock: Clock = SYSTEM_CLOCK) -> None:
    """Run until SIGTERM or Ctrl-C. Raises KioskError where it cannot start, and Crashed where a thread ended by an error.

    `commanded` names the settings that came from the command line instead of the file.
    """
    with ExitStack() as house:
        give_memory_back()
        gc.freeze()  # what was imported lives as long as the process: no later collection has to look through it
        notifier = Notifier()
        make_run_dir(settings.run_dir)
        house.enter_context(logs.kept_in(settings.run_dir))
        bell = house.enter_context(Doorbell())
        lamps = take_lamps(settings, bell, notifier)
        if lamps is None:
            return
        house.callback(lamps.close)
        rooms = furnish(settings, lamps, clock, bell.ring, house)
        house.callback(effective.withdraw, settings.run_dir)
        effective.publish(settings, settings.run_dir, overridden)
        daemon = Daemon(settings, rooms, bell, notifier)
        house.callback(daemon.stop_workers)
        daemon.start_workers()
        log.info("the kiosk %s/%s has started", settings.site.site, settings.site.device)
        daemon.watch()
        notifier.stopping()
        daemon.close_diary()
        log.info("the kiosk stops")


def take_lamps(
    settings: config.Settings,
    wakeup: Doorbell,
    notifier: Notifier,
    probe_inputs: Callable[[config.Signal], None] = try_inputs,
) -> Lamps | None:
    """The lamps, as soon as all pins can be had; None where a stop was asked for before.

    Pins in another program's hands are no reason to end: started again for ever, it would say so every second. Without lamps
    nobody is answered; dark lamps mean out of order, and page and journal name the reason. Raises NoPins where nobody would
    start it again: what is missing is then told in the terminal.
    """
    lamps: Lamps | None = None
    tries = 0
    while not wakeup.stop_asked:
        try:
            lamps = lamps or open_signal(settings.signal)
            probe_inputs(settings.signal)
        except SignalTrouble as trouble:
            if isinstance(trouble, NoPins) and not notifier.listens:
                raise
            if lamps is not None:
                lamps.rest(State.OUT_OF_ORDER)
            _publish_without_pins(settings, str(trouble))
            tries += 1
            if tries == (1 if isinstance(trouble, NoPins) else TOLD_AFTER_TRIES):
                log.error("out-of-order: %s; trying again until they can be had", trouble)
                notifier.ready(f"out-of-order: {trouble}")
        else:
            lamps.rest(State.STARTING)
            return lamps
        notifier.alive()
        wakeup.wait(TURN_S)
    if lamps is not None:
        lamps.close()
    return None


def _publish_without_pins(settings: config.Settings, error: str) -> None:
    now_at = SYSTEM_CLOCK.now().at.isoformat(timespec="milliseconds")
    snapshot = status.Status(
        version=version("entrance-kiosk"),
        site=settings.site.site,
        device=settings.site.device,
        pid=os.getpid(),
        started_at=now_at,
        now_at=now_at,
        state=State.OUT_OF_ORDER,
        epoch="",
        seq=0,
        facts=tuple(fact for fact in judge(Measures(pins_trouble=error)) if fact.grade is status.Grade.BROKEN),
    )
    with contextlib.suppress(OSError):  # a full run directory silences the page, and is told once there are lamps
        status.publish(snapshot, settings.run_dir)


class Daemon:
    """The main thread's part."""

    def __init__(self, settings: config.Settings, components: Rooms, wakeup: Doorbell, notifier: Notifier) -> None:
        self._settings = settings
        self._rooms = components
        self._bell = wakeup
        self._notifier = notifier
        self._stop = threading.Event()
        self._workers = {
            name: Worker(name, step, self._stop, self._worker_crashed) for name, step in components.steps().items()
        }
        self._crashed = ""
        self._state: State | None = None
        self._bad: tuple[str, ...] = ()
        self._publish_trouble = False
        self._lists_trouble: tuple[str, ...] = ()
        self._diary = DiaryKeeper(Diary(settings.records.path).add)

    def start_workers(self) -> None:
        """Let the rooms turn; the courier only once it is known how the gate is: what it loads must not hold up the first lamp."""
        for name, worker in self._workers.items():
            if name != COURIER:
                worker.start()

    def stop_workers(self) -> None:
        """Ask all to end, then wait for each."""
        self._rooms.stop(self._stop)
        for worker in self._workers.values():
            if not worker.join(JOIN_S):
                log.error("the %s thread does not end; leaving without it", worker.name)

    def watch(self) -> None:
        """The main thread's loop. Raises Crashed when a worker ended by an error."""
        trim_s = self._rooms.clock.now().s + TRIM_EVERY_S
        while not self._bell.stop_asked and not self._crashed:
            now = self._rooms.clock.now()
            if now.s >= trim_s:
                trim_s = now.s + TRIM_EVERY_S
                give_memory_back()
            self._refresh_lists()
            self._tell_the_truth(now)
            self._bell.wait(TURN_S)
        if self._crashed:
            raise Crashed(
                f"the {self._crashed} thread ended by an error; see the log. The kiosk stops so that it is started anew."
            )

    def close_diary(self) -> None:
        """Note that the kiosk was stopped in good order."""
        self._diary.stop(self._rooms.clock.now())

    def _tell_the_truth(self, now: Moment) -> None:
        """The same facts to lamp, centre, page and watchdog (law 3)."""
        facts = judge(self._rooms.bulletin.measures(now))
        state = state_of(facts, started=self._rooms.watch.begun)
        self._rooms.lamps.rest(state)
        self._rooms.courier.set_state(state)
        if state is not State.STARTING:
            self._workers[COURIER].start()
        self._rooms.courier.set_health(now.quality.value, {fact.name: fact.grade.value for fact in facts})
        self._publish(self._rooms.bulletin.status(now, facts, state))
        if watchdog_may_be_fed(facts):
            self._notifier.alive()
        self._diary.observe(state, facts, now)
        bad = {fact.name: fact.en for fact in facts if fact.grade is not status.Grade.OK}
        if state is not self._state or tuple(bad) != self._bad:
            self._changed(state, bad)

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

    def _changed(self, state: State, failing: Mapping[str, str]) -> None:
        """Every trouble is told once, and once when it is over; `bad` has the sentences of the bad facts by name."""
        new = [said for name, said in failing.items() if name not in self._bad]
        over = [f"{name} is well again" for name in self._bad if name not in failing]
        said = "; ".join([*new, *over] or ["all is well" if not failing else "still " + ", ".join(failing)])
        log.log(logging.WARNING if new else logging.INFO, "%s: %s", state.value, said)
        if self._state is None:
            self._notifier.ready(state.value)
        self._state, self._bad = state, tuple(failing)
        self._notifier.status(f"{state.value}: {'; '.join(failing.values()) or 'all is well'}")

    def _refresh_lists(self) -> None:
        """Take in newer lists that somebody put down; the good ones stay in force while a file is bad."""
        lists = self._rooms.lists
        if lists.refresh():
            self._rooms.verifier.use(lists.trust_list, lists.denylist)
            log.info("newer lists are in force")
        if lists.troubles != self._lists_trouble:
            self._lists_trouble = lists.troubles
            for trouble in lists.troubles:
                log.error("%s", trouble)

    def _worker_crashed(self, name: str) -> None:
        self._crashed = name
        self._bell.ring()


def give_memory_back() -> None:
    """Freed pages of the heap go back to the system: what importing needed, what a search left (docs/decisions/0029)."""
    gc.collect()
    if _TRIM is not None:
        _TRIM(0)
