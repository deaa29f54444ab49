"""The main path of a scan: decode, verify, decide, record, signal.

Each step runs once, in this order, and none calls back. Codes that already have an answer and are still in view are skipped.
The event is on disk before the signal is shown. One thread owns a Gate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kiosk.core import rules
from kiosk.core.frame import Frame
from kiosk.core.model import (
    AccessEvent,
    Claim,
    ClockReading,
    Decision,
    DecodeResult,
    Direction,
    ManualReason,
    Reason,
    Refusal,
    StoredEvent,
)
from kiosk.core.ports import Clock, Decoder, EventStore, Signal, StoreError, Verifier
from kiosk.core.reversal import LastAccessEvent
from kiosk.core.subject_sealing import Pseudonymizer, Seal
from kiosk.core.uuid7 import uuid7
from kiosk.core.visits import RefusalLimit, VisitTracker

ENROLMENT_PREFIX = b"HUE-E1:"  # kiosk/enrolment/invitation_code.py
"""A code that enrols a device is still in view when the device has its name. It belongs to no person, so it gets no answer."""


@dataclass(frozen=True, slots=True)
class FrameOutcome:
    """Result of one frame."""

    decode_result: DecodeResult
    stored: StoredEvent | None = None


@dataclass(frozen=True, slots=True)
class UndoResult:
    """Result of an undo."""

    annulment: StoredEvent
    annulled: StoredEvent
    """The annulled event. It stays unchanged in the store."""


class Gate:
    """Processes frames and guard actions. Raises StoreError if an event could not be committed: no signal is shown then."""

    def __init__(
        self,
        *,
        decoder: Decoder,
        verifier: Verifier,
        visits: VisitTracker,
        policy: rules.AccessPolicy,
        pseudonymizer: Pseudonymizer,
        seal: Seal,
        event_store: EventStore,
        signal: Signal,
        clock: Clock,
        last_event: LastAccessEvent,
    ) -> None:
        """The gate reports each event to `last_event`. Other threads may ask it what can be undone."""
        self._decoder = decoder
        self._verifier = verifier
        self._visits = visits
        self._policy = policy
        self._pseudonymizer = pseudonymizer
        self._seal = seal
        self._event_store = event_store
        self._signal = signal
        self._clock = clock
        self._last_event = last_event
        self._refusals = RefusalLimit()

    def process_frame(self, frame: Frame) -> FrameOutcome:
        """Decode a frame and answer each new code in it once."""
        sight = self._decoder.decode(frame)
        self.declare_refusals()
        return FrameOutcome(sight, self._answer([reading.data for reading in sight.codes]) if sight.codes else None)

    def process_scan(self, code: bytes) -> StoredEvent | None:
        """Answer a code that a scanner read, as if it were alone in view at this moment.

        None: it has its answer, or may not be answered yet, for example because a signal was shown just now. So the caller passes
        it again as long as it counts as in view.
        """
        self.declare_refusals()
        return self._answer([code])

    def _answer(self, in_view: Sequence[bytes]) -> StoredEvent | None:
        """Answer each of these codes once."""
        now = self._clock.now()
        of_people = [code for code in in_view if not code.startswith(ENROLMENT_PREFIX)]
        codes = self._visits.codes_to_answer(of_people, now)
        if not codes:
            return None
        return self._decide_single(codes[0], now) if len(codes) == 1 else self._reject_multiple(codes, now)

    def declare_refusals(self, *, is_last: bool = False) -> None:
        """Declare how many refusals of a flood got no record of their own, if that is due. Raises StoreError.

        `is_last`: the gate closes, so it is due now.
        """
        if not self._refusals.uncounted:
            return
        now = self._clock.now()
        count = self._refusals.uncounted if is_last else self._refusals.count_due(now.monotonic_s)
        if count:
            self._event_store.add_counted_refusals(count, now.utc_at)
            self._refusals.mark_counted(count, now.monotonic_s)

    def admit(self, direction: Direction, manual_reason: ManualReason | None = None) -> StoredEvent:
        """Admit a person without a code, on behalf of a guard. Counts one person and records no identity."""
        return self._record_decision(
            rules.manual_decision(direction), None, (), (), self._clock.now(), manual_reason=manual_reason
        )

    def undo(self, manual_reason: ManualReason, seq: int | None = None) -> UndoResult:
        """Undo the last access event for a guard: commit an annulment, show the signal, restore the visits and the occupancy.

        `seq`: the event that the guard means. Raises UndoError and StoreError. Nothing has changed then.
        """
        now = self._clock.now()
        undone = self._last_event.require_undoable(now.monotonic_s, seq)
        decision = rules.annulment_decision(undone.event.direction)
        record = replace(_new_event(decision, now), annuls=undone.event.id, manual_reason=manual_reason)
        stored = self._commit_then_show(record)
        self._visits.annul()
        return UndoResult(stored, undone)

    def _decide_single(self, code: bytes, now: ClockReading) -> StoredEvent | None:
        answer = self._verifier.verify(code, now)
        names = self._pseudonyms(answer) if isinstance(answer, Claim) else ()
        history = self._visits.history(names, now)
        if history.same_visit:  # same person with another of their codes, or with a rotated code
            self._visits.record_same_person((code,), names, now)
            return None
        if isinstance(answer, Claim) and answer.proof is not None:
            proof_names = self._pseudonymizer.for_alias("proof", answer.proof)
            if self._visits.is_known(proof_names):  # it was used before a restart
                answer, names = Refusal(answer.kind, Reason.REPLAYED), ()
            else:
                names = (*names, *proof_names)
        decision = rules.decide_access(answer, history, self._policy, self._visits.occupancy(now), now)
        if decision.direction is None and self._is_flood((code,), now):
            return None
        return self._record_decision(decision, answer, names, (code,), now)

    def _pseudonyms(self, claim: Claim) -> tuple[bytes, ...]:
        names = self._pseudonymizer.for_subject(claim.subject)
        if claim.likeness is None:
            return names
        return (*names, *self._pseudonymizer.for_alias("likeness", claim.likeness))

    def _is_flood(self, codes: Sequence[bytes], now: ClockReading) -> bool:
        """Whether a refusal is only counted, because one presence gave too many of them."""
        if self._refusals.take(now.monotonic_s):
            return False
        self._visits.record_refusal_without_signal(codes, now)
        self.declare_refusals()
        return True

    def _reject_multiple(self, codes: Sequence[bytes], now: ClockReading) -> StoredEvent | None:
        if self._is_flood(codes, now):
            return None
        return self._record_decision(rules.multiple_codes_decision(), None, (), codes, now)

    def _record_decision(
        self,
        decision: Decision,
        answer: Claim | Refusal | None,
        pseudonyms: Sequence[bytes],
        codes: Sequence[bytes],
        now: ClockReading,
        *,
        manual_reason: ManualReason | None = None,
    ) -> StoredEvent:
        record = _new_event(decision, now)
        claim = answer if isinstance(answer, Claim) else None
        event = replace(
            record,
            kind=answer.kind if answer else None,
            assurance=claim.assurance if claim else None,
            pseudonym=pseudonyms[0] if pseudonyms else self._pseudonymizer.for_codes(codes),
            sealed=self._seal.seal(claim.subject, record.id, record.occurred_at) if claim else b"",
            code_bytes=sum(map(len, codes)),
            aliases=tuple(pseudonyms[1:]),
            manual_reason=manual_reason,
        )
        try:
            stored = self._commit_then_show(event)
        except StoreError:
            if decision.direction is None:
                self._refusals.give_back()
            raise
        self._visits.record_answer(codes, pseudonyms, decision, now)
        return stored

    def _commit_then_show(self, event: AccessEvent) -> StoredEvent:
        """Commit before the signal is shown (docs/explanation, guarantees)."""
        stored = self._event_store.commit(event)
        self._last_event.observe(stored)
        self._signal.show(event.outcome)
        return stored


def _new_event(decision: Decision, now: ClockReading) -> AccessEvent:
    """The fields that each event has. No person is named in it yet."""
    return AccessEvent(
        id=uuid7(now),
        occurred_at=now.utc_at,
        monotonic_s=now.monotonic_s,
        clock_quality=now.quality,
        outcome=decision.outcome,
        reason=decision.reason,
        direction=decision.direction,
        kind=None,
        assurance=None,
        pseudonym=b"",
        sealed=b"",
        code_bytes=0,
    )
