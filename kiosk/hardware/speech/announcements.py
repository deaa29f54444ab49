"""What is said when: the answer with its reason, and once that the kiosk is out of service; pure.

An announcement is a sequence of message ids of the catalogue. Each has a recording of its own.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from kiosk.core.model import DeviceState, Direction, Outcome, Reason

ANSWER_IS_OLD_S = 3.0
"""An answer that is older belongs to a person who has gone."""
OUT_OF_SERVICE = ("citizen.paused", "citizen.paused.do")
SILENT_REASONS = frozenset({Reason.OK, Reason.MANUAL, Reason.ANNULLED})
"""The outcome says all."""

Announcement = tuple[str, ...]


def all_messages() -> Iterator[str]:
    """Every message id that may be said."""
    yield from (f"outcome.{outcome}" for outcome in Outcome)
    yield from (f"outcome.{Outcome.PASS}.{direction}" for direction in Direction)
    yield from (f"reason.{reason}" for reason in Reason if reason not in SILENT_REASONS)
    yield from OUT_OF_SERVICE


def answer_announcement(outcome: str, reason: str, direction: str | None) -> Announcement:
    """Outcome first, then what the person can do. For a code of another version: only the outcome."""
    directed = f"outcome.{outcome}.{direction}"
    known = frozenset(all_messages())
    word = directed if directed in known else f"outcome.{outcome}"
    said = (word, f"reason.{reason}") if outcome != Outcome.PASS else (word,)
    return tuple(message for message in said if message in known)


class Announcer:
    """Compares each status with the one before. One thread."""

    def __init__(self) -> None:
        self._last: tuple[str, int] | None = None
        """Start of the daemon and number of the last decision that was seen."""
        self._was_in_service: bool | None = None

    def next(self, status: Mapping[str, Any] | None, now: datetime) -> Announcement:
        """What is to be said now, empty for nothing. `status`: the snapshot of the present, None if there is none.

        Only the newest answer is said. What happened before the first call is not.
        """
        in_service = status is not None and status["state"] in {DeviceState.READY, DeviceState.DEGRADED}
        fell_out = self._was_in_service is True and not in_service
        self._was_in_service = in_service
        if status is None:
            return OUT_OF_SERVICE if fell_out else ()
        decisions = status["recent_decisions"]
        newest = decisions[-1] if decisions else None
        seen = (status["started_at"], newest["number"] if newest else 0)
        is_new = self._last is not None and seen != self._last and newest is not None
        self._last = seen
        if fell_out:
            return OUT_OF_SERVICE
        if not (is_new and in_service and newest):
            return ()
        age_s = (now - datetime.fromisoformat(newest["at"])).total_seconds()
        if abs(age_s) > ANSWER_IS_OLD_S:
            return ()
        return answer_announcement(newest["outcome"], newest["reason"], newest["direction"])
