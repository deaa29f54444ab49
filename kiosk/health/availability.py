"""What goes into the kiosk's diary, and when: only what lasts, nothing twice, nothing lost while the disk refuses."""

import logging
from collections import deque
from collections.abc import Callable, Sequence

from kiosk.core.model import ClockQuality, Moment, State
from kiosk.core.ports import StoreTrouble
from kiosk.core.status import Fact, Grade
from kiosk.storage.availability_log import Condition, Entry

log = logging.getLogger(__name__)

LASTING_S = 5.0
"""Shorter than this is no downtime, and a flapping camera must not fill the card."""
MAX_WAITING = 100
Key = tuple[Condition, bool, bool]


class DiaryKeeper:
    """Told the state every second by the main thread, writes what changed for good."""

    def __init__(self, add: Callable[[Entry], None]) -> None:
        """`add` writes one entry, and may raise StoreTrouble: then it is asked again at the next turn."""
        self._add = add
        self._kept: Key | None = None
        self._coming: Entry | None = None
        self._waiting: deque[Entry] = deque(maxlen=MAX_WAITING)
        self._refused = False

    def observe(self, state: State, checks: Sequence[Fact], now: Moment) -> None:
        """Take note of what is so now. A change is written once it has lasted, with the time at which it began."""
        if state is State.STARTING:
            return
        stale = any(fact.name.startswith("list-") and fact.grade is not Grade.OK for fact in checks)
        condition = Condition.OUT_OF_ORDER if state is State.OUT_OF_ORDER else Condition.SERVING
        entry = Entry(now, condition, stale, first=self._kept is None)
        if _key(entry) == self._kept:
            self._coming = None
        elif self._coming is None or _key(self._coming) != _key(entry):
            self._coming = entry
        if self._coming is not None and (self._kept is None or now.s - self._coming.at.s >= LASTING_S):
            self._keep(self._coming)
        self._write()

    def stop(self, now: Moment) -> None:
        """The kiosk stops in good order."""
        self._keep(Entry(now, Condition.STOPPED, stale=False, first=self._kept is None))
        self._write()

    def _keep(self, entry: Entry) -> None:
        self._kept, self._coming = _key(entry), None
        self._waiting.append(entry)

    def _write(self) -> None:
        while self._waiting:
            try:
                self._add(self._waiting[0])
            except StoreTrouble as trouble:
                if not self._refused:
                    log.warning("%s; it is tried again", trouble)
                self._refused = True
                return
            self._refused = False
            self._waiting.popleft()


def _key(entry: Entry) -> Key:
    """A clock that has come to be believed makes an entry anew: what was written before has a useless time."""
    return entry.condition, entry.stale, entry.at.quality is ClockQuality.UNSET
