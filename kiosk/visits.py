"""Thirty frames are one visit: which codes in view still need an answer, and who is inside.

Everything here runs on the monotonic clock, so that a jump of the wall clock neither repeats an answer nor blocks anybody.
Codes are known by a hash under a key that lives in memory only, people by their keyed pseudonyms. One thread owns a Visits.
"""

import hashlib
import math
import secrets
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from enum import StrEnum
from types import MappingProxyType
from zoneinfo import ZoneInfo

from kiosk.model import ClockQuality, Decision, Direction, History, Moment, Reason, Stored

SETTLE_S = 1.0
"""How long a light belongs to one person, and how long one of two codes must be alone before it counts as alone."""
AWAY_S = 1.5
"""After an undo a code is new once it was out of view this long: who still holds it up is not let through by it again."""
MAX_CODES = 1024
MAX_NAMES = 60_000
DAY_S = 86_400.0
KEEP_S = 2 * DAY_S
"""Passes are remembered beyond the reset hour, so that a wall clock that jumped and came back forgets nobody."""


class CodeState(StrEnum):
    """What is known of a code in view."""

    NEW = "new"
    CROWDED = "crowded"
    """Asked to come one at a time."""
    ANSWERED = "answered"


class Seen(StrEnum):
    """How a code without an answer is seen in a frame."""

    ALONE = "alone"
    TOO_SOON = "too soon"
    """Beside a code that was answered just now, or after another one that was in view just now."""
    TOGETHER = "together"


class Step(StrEnum):
    """What is done about it."""

    ANSWER = "answer"
    WAIT = "wait"
    ASK_ONE_AT_A_TIME = "ask one at a time"
    NOTHING = "nothing"


STEPS: Mapping[tuple[CodeState, Seen], Step] = MappingProxyType(
    {
        (CodeState.NEW, Seen.ALONE): Step.ANSWER,
        (CodeState.NEW, Seen.TOO_SOON): Step.WAIT,
        (CodeState.NEW, Seen.TOGETHER): Step.ASK_ONE_AT_A_TIME,
        (CodeState.CROWDED, Seen.ALONE): Step.ANSWER,
        (CodeState.CROWDED, Seen.TOO_SOON): Step.WAIT,
        (CodeState.CROWDED, Seen.TOGETHER): Step.WAIT,
        (CodeState.ANSWERED, Seen.ALONE): Step.NOTHING,
        (CodeState.ANSWERED, Seen.TOO_SOON): Step.NOTHING,
        (CodeState.ANSWERED, Seen.TOGETHER): Step.NOTHING,
    }
)
"""Every state returns to NEW when the code was out of view for the visit window."""


@dataclass(slots=True)
class _Person:
    """Somebody who passed. `number` keeps his place among those inside."""

    number: int
    seen_s: float
    passed_s: float
    direction: Direction


@dataclass(slots=True)
class _Code:
    state: CodeState
    seen_s: float
    answered_s: float = -math.inf
    """When its light was shown."""
    crowded_s: float = -math.inf
    """When it was last in view together with another one that has no answer."""
    person: _Person | None = None
    window_s: float = math.inf
    """How long it stays known out of view, where that is less than for all others."""


@dataclass(slots=True)
class _LastPass:
    """What the last pass changed, so that it can be taken back."""

    person: _Person | None
    """None where a nameless one passed."""
    before: dict[bytes, _Person | None]
    """Whom his names meant before."""
    counted_out: dict[int, float]
    """Who was inside under these names."""
    nameless: Direction | None = None
    left_s: float | None = None
    """When the nameless one who was counted out had passed; None where nobody was."""


class Visits:
    """What this gate remembers of codes and people, bounded, in memory."""

    def __init__(
        self,
        *,
        window_s: float = 8.0,
        reset_at: str = "03:00",
        timezone: str = "Asia/Ho_Chi_Minh",
        max_names: int = MAX_NAMES,
    ) -> None:
        self._window_s = window_s
        self._reset_at = time.fromisoformat(reset_at)
        self._timezone = ZoneInfo(timezone)
        self._max_names = max_names
        self._key = secrets.token_bytes(32)
        self._codes: OrderedDict[bytes, _Code] = OrderedDict()
        self._people: OrderedDict[bytes, _Person] = OrderedDict()
        self._inside: OrderedDict[int, float] = OrderedDict()
        self._nameless: deque[float] = deque(maxlen=max_names)
        self._last_pass: _LastPass | None = None
        self._undone: tuple[frozenset[bytes], _Person] | None = None
        self._numbers = 0
        self.forgotten = 0
        """Names dropped because there were too many."""

    def waiting(self, codes: Sequence[bytes], now: Moment) -> tuple[bytes, ...]:
        """The codes in view that need an answer now: none, one, or several who are to come one at a time.

        Codes that were answered stay answered while they stay in view, so that a poster on the wall stops nobody.
        """
        known = {data: self._look_up(data, now) for data in dict.fromkeys(codes)}
        unanswered = [data for data, code in known.items() if code.state is not CodeState.ANSWERED]
        seen = self._how_seen(known, unanswered, now)
        steps = {STEPS[known[data].state, seen] for data in unanswered}
        if Step.ASK_ONE_AT_A_TIME in steps or steps == {Step.ANSWER}:
            return tuple(unanswered)
        return ()

    def still_showing(self, codes: Sequence[bytes], now: Moment) -> bool:
        """Whether no code in view needs an answer now."""
        return not self.waiting(codes, now)

    def history(self, names: Sequence[bytes], now: Moment) -> History:
        """What is remembered of a person, by any of his names."""
        if self._still_shows_undone(names, now):
            return History(same_visit=True)
        known = [self._people[name] for name in names if name in self._people]
        if not known:
            return History()
        latest = max(known, key=lambda person: person.passed_s)
        return History(
            same_visit=any(now.s - person.seen_s <= self._window_s for person in known),
            last_direction=latest.direction if latest.passed_s >= self._reset_s(now) else None,
            last_pass_age_s=now.s - latest.passed_s,
        )

    def answered(self, codes: Sequence[bytes], names: Sequence[bytes], decision: Decision, now: Moment) -> None:
        """Remember an answer. Only a pass changes who is inside, and joins a person's codes into one visit."""
        crowd = decision.reason is Reason.ONE_AT_A_TIME
        person = self._pass(names, decision.direction, now.s) if decision.direction is not None else None
        for data in codes:
            state = CodeState.CROWDED if crowd else CodeState.ANSWERED
            self._remember(data, _Code(state, now.s, answered_s=now.s, crowded_s=now.s, person=person))

    def answered_again(self, codes: Sequence[bytes], names: Sequence[bytes], now: Moment) -> None:
        """The same person with another of his codes: it belongs to the visit that was answered."""
        if self._undone and self._still_shows_undone(names, now):
            person = self._undone[1]
            person.seen_s = now.s
            for data in codes:
                self._remember(data, _Code(CodeState.ANSWERED, now.s, person=person, window_s=AWAY_S))
            return
        known = [self._people[name] for name in names if name in self._people]
        latest = max(known, key=lambda person: person.passed_s)
        latest.seen_s = now.s
        self._name(names, latest)
        for data in codes:
            self._remember(data, _Code(CodeState.ANSWERED, now.s, person=latest))

    def annul(self) -> None:
        """Take the last pass back: who was inside is inside again, and the person may show his code as if for the first time.

        It must be away for AWAY_S first: a code (or a rotated one) that is still held up lets nobody through again. Harmless
        where there is nothing to take back.
        """
        last, self._last_pass = self._last_pass, None
        if last is None:
            return
        if last.person is None:
            self._annul_nameless(last)
            return
        self._inside.pop(last.person.number, None)
        for name, known in last.before.items():
            if known is not None:
                self._people[name] = known
            else:
                self._people.pop(name, None)
        self._inside.update(last.counted_out)
        self._undone = (frozenset(last.before), last.person)
        for code in self._codes.values():
            if code.person is last.person:
                code.window_s = AWAY_S

    def inside(self, now: Moment) -> int:
        """How many people are in, by what passed here since the reset hour."""
        reset_s = self._reset_s(now)
        named = sum(1 for passed_s in self._inside.values() if passed_s >= reset_s)
        return named + sum(1 for passed_s in self._nameless if passed_s >= reset_s)

    def restore(self, passages: Iterable[Stored], now: Moment, boot_id: str = "") -> None:
        """Remember the passes of an earlier life of this process, oldest first; `boot_id` is the machine's present one.

        A pass that was annulled never was.
        """
        known = list(passages)
        annulled = {stored.passage.annuls for stored in known}
        for stored in known:
            passage = stored.passage
            if passage.direction is None or passage.annuls is not None or passage.id in annulled:  # only a pass has one
                continue
            names = (passage.pseudonym, *passage.aliases) if passage.pseudonym else ()
            person = self._pass(names, passage.direction, now.s - _age_s(stored, now, boot_id))
            if person is not None and not _same_boot(stored, boot_id):
                person.seen_s = -math.inf

    def _look_up(self, data: bytes, now: Moment) -> _Code:
        """What is known of a code that is in view now; a code out of view for the window is new again."""
        place = self._hash(data)
        code = self._codes.get(place)
        if code is None or now.s - code.seen_s > min(self._window_s, code.window_s):
            return _Code(CodeState.NEW, now.s)
        code.seen_s = now.s
        self._codes.move_to_end(place)
        if code.person is not None:
            code.person.seen_s = now.s
        return code

    def _remember(self, data: bytes, code: _Code) -> None:
        place = self._hash(data)
        self._codes[place] = code
        self._codes.move_to_end(place)
        while len(self._codes) > MAX_CODES:
            self._codes.popitem(last=False)

    def _how_seen(self, known: Mapping[bytes, _Code], unanswered: Sequence[bytes], now: Moment) -> Seen:
        if len(unanswered) > 1:
            for data in unanswered:
                known[data].crowded_s = now.s
            return Seen.TOGETHER
        just_now = now.s - SETTLE_S
        beside_an_answer = any(
            code.state is CodeState.ANSWERED and code.answered_s > just_now for code in known.values()
        )
        after_a_crowd = any(known[data].crowded_s > just_now for data in unanswered)
        return Seen.TOO_SOON if beside_an_answer or after_a_crowd else Seen.ALONE

    def _pass(self, names: Sequence[bytes], direction: Direction, passed_s: float) -> _Person | None:
        self._forget_before(passed_s - KEEP_S)
        if not names:
            self._pass_nameless(direction, passed_s)
            return None
        counted_out: dict[int, float] = {}
        for name in names:
            known = self._people.get(name)
            if known is not None and known.number in self._inside:
                counted_out[known.number] = self._inside.pop(known.number)
        self._numbers += 1
        person = _Person(self._numbers, passed_s, passed_s, direction)
        self._last_pass = _LastPass(person, {}, counted_out)
        if direction is Direction.IN:
            self._inside[person.number] = passed_s
        self._name(names, person)
        return person

    def _pass_nameless(self, direction: Direction, passed_s: float) -> None:
        """Whom the guard let in by hand: one more, and when one leaves by hand, the first of them."""
        left_s = None
        if direction is Direction.IN:
            self._nameless.append(passed_s)
        elif self._nameless:
            left_s = self._nameless.popleft()
        self._last_pass = _LastPass(None, {}, {}, direction, left_s)

    def _annul_nameless(self, last: _LastPass) -> None:
        if last.left_s is not None:
            self._nameless.appendleft(last.left_s)
        elif last.nameless is Direction.IN and self._nameless:
            self._nameless.pop()

    def _still_shows_undone(self, names: Sequence[bytes], now: Moment) -> bool:
        """Whether the person whose pass was taken back still holds his phone up, with the code that it shows by now."""
        if self._undone is None:
            return False
        undone, person = self._undone
        return now.s - person.seen_s <= AWAY_S and not undone.isdisjoint(names)

    def _name(self, names: Sequence[bytes], person: _Person) -> None:
        for name in names:
            if self._last_pass is not None and self._last_pass.person is person:
                self._last_pass.before.setdefault(name, self._people.get(name))
            self._people[name] = person
            self._people.move_to_end(name)
        while len(self._people) > self._max_names:
            _, dropped = self._people.popitem(last=False)
            self._inside.pop(dropped.number, None)
            self.forgotten += 1

    def _forget_before(self, oldest_s: float) -> None:
        while self._people:
            name, person = next(iter(self._people.items()))
            if person.passed_s >= oldest_s:
                break
            del self._people[name]
            self._inside.pop(person.number, None)
        while self._nameless and self._nameless[0] < oldest_s:
            self._nameless.popleft()

    def _reset_s(self, now: Moment) -> float:
        """The last reset hour as monotonic time; a day ago while nobody knows the hour."""
        if now.quality is ClockQuality.UNSET:
            return now.s - DAY_S
        local = now.at.astimezone(self._timezone)
        reset = local.replace(hour=self._reset_at.hour, minute=self._reset_at.minute, second=0, microsecond=0, fold=0)
        if reset > local:
            reset -= timedelta(days=1)
        return now.s - (now.at - reset).total_seconds()

    def _hash(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=self._key, digest_size=16).digest()


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
