"""The memory of one gate: visits, in which codes in view and people who passed come together.

Everything here runs on the monotonic clock, so that a jump of the wall clock neither repeats an answer nor blocks anybody.
One thread owns a Visits.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import time, timedelta
from zoneinfo import ZoneInfo

from kiosk.core.model import ClockQuality, Decision, History, Moment, Reason, Stored
from kiosk.core.visits.debounce import AWAY_S, Codes
from kiosk.core.visits.occupancy import DAY_S, MAX_NAMES, People, Person


class Visits:
    """What this gate remembers of codes and people, bounded, in memory."""

    def __init__(
        self,
        *,
        window_s: float = 8.0,
        reset_at: str = "03:00",
        timezone: str = "Asia/Ho_Chi_Minh",
        max_pseudonyms: int = MAX_NAMES,
    ) -> None:
        self._window_s = window_s
        self._reset_at = time.fromisoformat(reset_at)
        self._timezone = ZoneInfo(timezone)
        self._codes = Codes(window_s)
        self._people = People(max_pseudonyms)
        self._undone: tuple[frozenset[bytes], Person] | None = None

    @property
    def forgotten(self) -> int:
        """Names dropped because there were too many."""
        return self._people.forgotten

    def waiting(self, codes: Sequence[bytes], now: Moment) -> tuple[bytes, ...]:
        """The codes in view that need an answer now: none, one, or several who are to come one at a time.

        Codes that were answered stay answered while they stay in view, so that a poster on the wall stops nobody.
        """
        return self._codes.waiting(codes, now.s)

    def still_showing(self, codes: Sequence[bytes], now: Moment) -> bool:
        """Whether no code in view needs an answer now."""
        return not self.waiting(codes, now)

    def history(self, pseudonyms: Sequence[bytes], now: Moment) -> History:
        """What is remembered of a person, by any of his names."""
        if self._still_shows_undone(pseudonyms, now):
            return History(same_visit=True)
        known = self._people.known(pseudonyms)
        if not known:
            return History()
        latest = max(known, key=lambda person: person.passed_s)
        return History(
            same_visit=any(now.s - person.seen_s <= self._window_s for person in known),
            last_direction=latest.direction if latest.passed_s >= self._reset_s(now) else None,
            last_pass_age_s=now.s - latest.passed_s,
        )

    def answered(self, codes: Sequence[bytes], pseudonyms: Sequence[bytes], decision: Decision, now: Moment) -> None:
        """Remember an answer. Only a pass changes who is inside, and joins a person's codes into one visit."""
        person = self._people.passes(pseudonyms, decision.direction, now.s) if decision.direction is not None else None
        for data in codes:
            self._codes.answered(data, person, now.s, one_at_a_time=decision.reason is Reason.MULTIPLE_CODES)

    def answered_again(self, codes: Sequence[bytes], pseudonyms: Sequence[bytes], now: Moment) -> None:
        """The same person with another of his codes: it belongs to the visit that was answered."""
        if self._undone and self._still_shows_undone(pseudonyms, now):
            person, window_s = self._undone[1], AWAY_S
        else:
            person, window_s = max(self._people.known(pseudonyms), key=lambda known: known.passed_s), math.inf
            self._people.name(pseudonyms, person)
        person.seen_s = now.s
        for data in codes:
            self._codes.joined(data, person, now.s, window_s)

    def annul(self) -> None:
        """Take the last pass back: who was inside is inside again, and the person may show his code as if for the first time.

        It must be away for AWAY_S first: a code (or a rotated one) that is still held up lets nobody through again. Harmless
        where there is nothing to take back.
        """
        undone = self._people.annul()
        if undone is not None:
            self._undone = undone
            self._codes.undone(undone[1])

    def inside(self, now: Moment) -> int:
        """How many people are in, by what passed here since the reset hour."""
        return self._people.inside(self._reset_s(now))

    def restore(self, events: Iterable[Stored], now: Moment, boot_id: str = "") -> None:
        """Remember the passes of an earlier life of this process, oldest first; `boot_id` is the machine's present one.

        A pass that was annulled never was.
        """
        known = list(events)
        annulled = {stored.passage.annuls for stored in known}
        for stored in known:
            passage = stored.passage
            if passage.direction is None or passage.annuls is not None or passage.id in annulled:  # only a pass has one
                continue
            names = (passage.pseudonym, *passage.aliases) if passage.pseudonym else ()
            person = self._people.passes(names, passage.direction, now.s - _age_s(stored, now, boot_id))
            if person is not None and not _same_boot(stored, boot_id):
                person.seen_s = -math.inf

    def _still_shows_undone(self, pseudonyms: Sequence[bytes], now: Moment) -> bool:
        """Whether the person whose pass was taken back still holds his phone up, with the code that it shows by now."""
        if self._undone is None:
            return False
        undone, person = self._undone
        return now.s - person.seen_s <= AWAY_S and not undone.isdisjoint(pseudonyms)

    def _reset_s(self, now: Moment) -> float:
        """The last reset hour as monotonic time; a day ago while nobody knows the hour."""
        if now.quality is ClockQuality.UNSET:
            return now.s - DAY_S
        local = now.at.astimezone(self._timezone)
        reset = local.replace(hour=self._reset_at.hour, minute=self._reset_at.minute, second=0, microsecond=0, fold=0)
        if reset > local:
            reset -= timedelta(days=1)
        return now.s - (now.at - reset).total_seconds()


def _age_s(stored: Stored, now: Moment, boot_id: str) -> float:
    """How long ago a stored passage was: by the monotonic clock within one boot, else by a wall clock that can be believed."""
    passage = stored.passage
    if _same_boot(stored, boot_id):
        return max(0.0, now.s - passage.occurred_s)
    if ClockQuality.UNSET in (passage.clock, now.quality):
        return 0.0  # nobody can tell; remembered until the reset hour rather than counted twice
    return max(0.0, (now.at - passage.occurred_at).total_seconds())


def _same_boot(stored: Stored, boot_id: str) -> bool:
    return bool(boot_id) and stored.boot_id == boot_id
