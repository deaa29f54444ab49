"""Codes of two visitors, decisions of the gate, and stored events."""

from dataclasses import replace
from uuid import UUID

from kiosk.core.model import AccessEvent, Decision, Direction, Outcome, Reason, StoredEvent
from tests.fakes.data.people import moment

A, B, C = b"code of A", b"code of B", b"code of C"
ANH, BINH = (b"anh" + bytes(13),), (b"binh" + bytes(12),)
IN = Decision(Outcome.PASS, Reason.OK, Direction.IN)
OUT = Decision(Outcome.PASS, Reason.OK, Direction.OUT)
LET_IN = Decision(Outcome.PASS, Reason.MANUAL, Direction.IN)
LET_OUT = Decision(Outcome.PASS, Reason.MANUAL, Direction.OUT)
NO = Decision(Outcome.FAIL, Reason.EXPIRED)
CROWD = Decision(Outcome.CHECK_AGAIN, Reason.MULTIPLE_CODES)
HOUR_S = 3600.0
TO_RESET_S = 18 * HOUR_S + 57 * 60 + 57
"""From NOW_AT (08:02:03 in Hue) to the next reset hour, 03:00."""


def stored(seq: int, decision: Decision, ago_s: float, name: bytes = ANH[0], **changed: object) -> StoredEvent:
    """An event of this boot, `ago_s` seconds before NOW_AT."""
    then = moment(-ago_s)
    event = AccessEvent(
        id=UUID(int=seq),
        occurred_at=then.utc_at,
        monotonic_s=then.monotonic_s,
        clock_quality=then.quality,
        outcome=decision.outcome,
        reason=decision.reason,
        direction=decision.direction,
        kind=None,
        assurance=None,
        pseudonym=name,
        sealed=b"",
        code_bytes=1,
    )
    return StoredEvent("epoch", seq, "this boot", replace(event, **changed))  # type: ignore[arg-type]  # any field
