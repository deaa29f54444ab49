"""From frame to light: the product on one screen.

A frame is read; codes that are still being held up are left alone; a new code is verified, decided, recorded, and only then
signalled. Each room is entered once, in this order, and none calls back. One thread owns a Gate.
"""

import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kiosk.core import rules
from kiosk.core.frame import Frame
from kiosk.core.model import Claim, Decision, Direction, Grounds, Moment, Passage, Refusal, DecodeResult, Stored
from kiosk.core.ports import Clock, Decoder, Signal, Store, Verifier
from kiosk.core.reversal import LastPassage
from kiosk.core.subject_sealing import Pseudonyms, Seal
from kiosk.core.visits import Visits


@dataclass(frozen=True, slots=True)
class Look:
    """What looking at one frame came to."""

    sight: DecodeResult
    stored: Stored | None = None
    """The record of the answer, where one was given."""


@dataclass(frozen=True, slots=True)
class Undone:
    """A passage that was taken back."""

    stored: Stored
    """The record that annuls it."""
    passage: Stored
    """What is annulled; it stays as it is."""


class Gate:
    """The walk of one frame. `look` raises StoreTrouble where a record could not be committed: then nobody got a light."""

    def __init__(
        self,
        *,
        decoder: Decoder,
        verifier: Verifier,
        visits: Visits,
        policy: rules.Policy,
        pseudonymizer: Pseudonyms,
        seal: Seal,
        event_store: Store,
        signal: Signal,
        clock: Clock,
        last_event: LastPassage,
    ) -> None:
        """`last` is told of every record; who else asks it for what can be undone may do so from any thread."""
        self._decoder = decoder
        self._verifier = verifier
        self._visits = visits
        self._policy = policy
        self._pseudonyms = pseudonymizer
        self._seal = seal
        self._store = event_store
        self._signal = signal
        self._clock = clock
        self._last = last_event

    def look(self, frame: Frame) -> Look:
        """Read a frame and answer the person in it, once."""
        sight = self._decoder.read(frame)
        if not sight.codes:
            return Look(sight)
        now = self._clock.now()
        codes = self._visits.waiting([reading.data for reading in sight.codes], now)
        if not codes:
            return Look(sight)
        stored = self._answer_one(codes[0], now) if len(codes) == 1 else self._answer_many(codes, now)
        return Look(sight, stored)

    def admit(self, direction: Direction, manual_reason: Grounds | None = None) -> Stored:
        """A guard lets somebody pass who has nothing to show; he is counted, and nobody is named."""
        return self._keep(rules.manual(direction), None, (), (), self._clock.now(), manual_reason=manual_reason)

    def undo(self, manual_reason: Grounds, seq: int | None = None) -> Undone:
        """A guard takes the last passage back: a record that annuls it, then the light, then everybody is as before.

        `seq`: the record that he means. Raises NotUndone and StoreTrouble; then nothing was done.
        """
        now = self._clock.now()
        undone = self._last.to_undo(now.s, seq)
        decision = rules.annulment(undone.passage.direction)
        record = replace(_record(decision, now), annuls=undone.passage.id, grounds=manual_reason)
        stored = self._commit_then_show(record)
        self._visits.annul()
        return Undone(stored, undone)

    def _answer_one(self, code: bytes, now: Moment) -> Stored | None:
        answer = self._verifier.verify(code, now)
        names = self._pseudonyms.of_subject(answer.subject) if isinstance(answer, Claim) else ()
        history = self._visits.history(names, now)
        if history.same_visit:  # the same person with another of his codes, or a rotated one
            self._visits.answered_again((code,), names, now)
            return None
        decision = rules.decide(answer, history, self._policy, self._visits.inside(now), now)
        return self._keep(decision, answer, names, (code,), now)

    def _answer_many(self, codes: Sequence[bytes], now: Moment) -> Stored:
        return self._keep(rules.one_at_a_time(), None, (), codes, now)

    def _keep(
        self,
        decision: Decision,
        answer: Claim | Refusal | None,
        pseudonyms: Sequence[bytes],
        codes: Sequence[bytes],
        now: Moment,
        *,
        manual_reason: Grounds | None = None,
    ) -> Stored:
        record = _record(decision, now)
        claim = answer if isinstance(answer, Claim) else None
        stored = self._commit_then_show(
            replace(
                record,
                kind=answer.kind if answer else None,
                assurance=claim.assurance if claim else None,
                pseudonym=pseudonyms[0] if pseudonyms else self._pseudonyms.of_code(codes),
                sealed=self._seal.close(claim.subject, record.id) if claim else b"",
                code_bytes=sum(map(len, codes)),
                aliases=tuple(pseudonyms[1:]),
                grounds=manual_reason,
            )
        )
        self._visits.answered(codes, pseudonyms, decision, now)
        return stored

    def _commit_then_show(self, event: Passage) -> Stored:
        """Law 1: the record is on disk before the light."""
        stored = self._store.commit(event)
        self._last.note(stored)
        self._signal.show(event.outcome)
        return stored


def _record(decision: Decision, now: Moment) -> Passage:
    """What every record says; nobody is named in it yet."""
    return Passage(
        id=uuid7(now),
        occurred_at=now.at,
        occurred_s=now.s,
        clock=now.quality,
        outcome=decision.outcome,
        reason=decision.reason,
        direction=decision.direction,
        kind=None,
        assurance=None,
        pseudonym=b"",
        sealed=b"",
        code_bytes=0,
    )


def uuid7(now: Moment) -> uuid.UUID:
    """A UUIDv7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, then random bits. (Python has one from 3.14 on.)"""
    milliseconds = max(0, int(now.at.timestamp() * 1000)) & (1 << 48) - 1
    value = milliseconds << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)
