"""Remembers the visits of one gate: codes in view, and the people who passed.

All times are monotonic, so that a jump of the wall clock neither repeats an answer nor blocks a person. One thread owns a
VisitTracker.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import time, timedelta
from zoneinfo import ZoneInfo

from kiosk.core.model import ClockQuality, ClockReading, Decision, Direction, Reason, StoredEvent, VisitHistory
from kiosk.core.visits.debounce import UNDO_ABSENCE_S, CodeDebouncer
from kiosk.core.visits.occupancy import DAY_S, MAX_PSEUDONYMS, OccupancyCounter, TrackedPerson


class VisitTracker:
    """Codes and people of this gate, in memory and bounded."""

    def __init__(
        self,
        *,
        window_s: float = 8.0,
        reset_at: str = "03:00",
        timezone: str = "Asia/Ho_Chi_Minh",
        max_pseudonyms: int = MAX_PSEUDONYMS,
    ) -> None:
        self._window_s = window_s
        self._reset_at = time.fromisoformat(reset_at)
        self._timezone = ZoneInfo(timezone)
        self._debouncer = CodeDebouncer(window_s)
        self._occupancy = OccupancyCounter(max_pseudonyms)
        self._undone: tuple[frozenset[bytes], TrackedPerson] | None = None

    @property
    def dropped_pseudonyms(self) -> int:
        """Dropped because there were too many."""
        return self._occupancy.dropped_pseudonyms

    def codes_to_answer(self, codes: Sequence[bytes], now: ClockReading) -> tuple[bytes, ...]:
        """Codes in view that need an answer now: none, one, or several that must come one at a time.

        Answered codes stay answered while they are in view, so that a poster on the wall does not block the gate.
        """
        return self._debouncer.codes_to_answer(codes, now.monotonic_s)

    def all_answered(self, codes: Sequence[bytes], now: ClockReading) -> bool:
        """Whether no code in view needs an answer now."""
        return not self.codes_to_answer(codes, now)

    def history(self, pseudonyms: Sequence[bytes], now: ClockReading) -> VisitHistory:
        """History of a person, found by any of their pseudonyms."""
        if self._is_undone_still_in_view(pseudonyms, now):
            return VisitHistory(same_visit=True)
        known = self._occupancy.find(pseudonyms)
        if not known:
            return VisitHistory()
        latest = max(known, key=lambda person: person.passed_s)
        return VisitHistory(
            same_visit=any(now.monotonic_s - person.seen_s <= self._window_s for person in known),
            last_direction=latest.direction if latest.passed_s >= self._reset_s(now) else None,
            last_pass_age_s=now.monotonic_s - latest.passed_s,
            went_in_age_s=now.monotonic_s - latest.passed_s if latest.direction is Direction.IN else None,
        )

    def is_known(self, pseudonyms: Sequence[bytes]) -> bool:
        """Whether a person passed under any of these pseudonyms, also before a restart."""
        return bool(self._occupancy.find(pseudonyms))

    def record_answer(
        self, codes: Sequence[bytes], pseudonyms: Sequence[bytes], decision: Decision, now: ClockReading
    ) -> None:
        """Record an answer. Only a pass changes the occupancy and joins a person's codes into one visit."""
        person = (
            self._occupancy.record_pass(pseudonyms, decision.direction, now.monotonic_s)
            if decision.direction is not None
            else None
        )
        for data in codes:
            self._debouncer.record_answer(
                data, person, now.monotonic_s, one_at_a_time=decision.reason is Reason.MULTIPLE_CODES
            )

    def record_refusal_without_signal(self, codes: Sequence[bytes], now: ClockReading) -> None:
        """Record codes that were refused in a flood of refusals, and get no signal of their own."""
        for data in codes:
            self._debouncer.record_refusal_without_signal(data, now.monotonic_s)

    def record_same_person(self, codes: Sequence[bytes], pseudonyms: Sequence[bytes], now: ClockReading) -> None:
        """The same person shows another of their codes. It belongs to the visit that was answered."""
        if self._undone and self._is_undone_still_in_view(pseudonyms, now):
            person, window_s = self._undone[1], UNDO_ABSENCE_S
        else:
            person, window_s = max(self._occupancy.find(pseudonyms), key=lambda known: known.passed_s), math.inf
            self._occupancy.assign_pseudonyms(pseudonyms, person)
        person.seen_s = now.monotonic_s
        for data in codes:
            self._debouncer.record_same_person(data, person, now.monotonic_s, window_s)

    def annul(self) -> None:
        """Undo the last pass: restore the occupancy, and let the person show their code again.

        The code must first be out of view for UNDO_ABSENCE_S: a code (or its rotated successor) that is still held up admits no
        person again. Does nothing if there is nothing to undo.
        """
        undone = self._occupancy.annul()
        if undone is not None:
            self._undone = undone
            self._debouncer.record_undo(undone[1])

    def occupancy(self, now: ClockReading) -> int:
        """Number of people inside, by the passes since the reset hour."""
        return self._occupancy.count_inside(self._reset_s(now))

    def restore(self, events: Iterable[StoredEvent], now: ClockReading, boot_id: str = "") -> None:
        """Restore the passes of earlier runs, oldest first. `boot_id` is the present boot's. Annulled passes are skipped."""
        known = list(events)
        annulled = {stored.event.annuls for stored in known}
        for stored in known:
            event = stored.event
            if event.direction is None or event.annuls is not None or event.id in annulled:
                continue  # only a pass has a direction
            names = (event.pseudonym, *event.aliases) if event.pseudonym else ()
            person = self._occupancy.record_pass(names, event.direction, now.monotonic_s - _age_s(stored, now, boot_id))
            if person is not None and not _same_boot(stored, boot_id):
                person.seen_s = -math.inf

    def _is_undone_still_in_view(self, pseudonyms: Sequence[bytes], now: ClockReading) -> bool:
        """True while an undone visitor's code is still in view, even if it has rotated."""
        if self._undone is None:
            return False
        undone, person = self._undone
        return now.monotonic_s - person.seen_s <= UNDO_ABSENCE_S and not undone.isdisjoint(pseudonyms)

    def _reset_s(self, now: ClockReading) -> float:
        """The last reset hour as monotonic time. 24 hours ago while the clock is unset."""
        if now.quality is ClockQuality.UNSET:
            return now.monotonic_s - DAY_S
        local = now.utc_at.astimezone(self._timezone)
        reset = local.replace(hour=self._reset_at.hour, minute=self._reset_at.minute, second=0, microsecond=0, fold=0)
        if reset > local:
            reset -= timedelta(days=1)
        return now.monotonic_s - (now.utc_at - reset).total_seconds()


def _age_s(stored: StoredEvent, now: ClockReading, boot_id: str) -> float:
    """Age of a stored event: by the monotonic clock within one boot, otherwise by the wall clock if it is reliable."""
    event = stored.event
    if _same_boot(stored, boot_id):
        return max(0.0, now.monotonic_s - event.monotonic_s)
    if ClockQuality.UNSET in (event.clock_quality, now.quality):
        return 0.0  # unknown age: remembered until the reset hour rather than counted twice
    return max(0.0, (now.utc_at - event.occurred_at).total_seconds())


def _same_boot(stored: StoredEvent, boot_id: str) -> bool:
    return bool(boot_id) and stored.boot_id == boot_id
