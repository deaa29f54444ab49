"""Decides about a trial from what is seen while it runs: go on, keep it, or roll it back. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from kiosk.config.overlay.document import Trial
from kiosk.core.status import CheckStatus, HealthCheck
from mqtt.remote.configuration import TrialCode

SETTLE_S = 10.0
"""All is well for so long before a trial is kept: a camera that dies often gives a few frames first."""
STEADY_S = 30.0
"""A check that fails for so long before a trial may fail in it too."""
COUNTED_WARNINGS = frozenset({"frame-quality", "presence-sensor", "scanner", "web"})
"""Checks whose warning counts as a failure that the configuration caused. Other warnings come from outside."""


@dataclass(frozen=True, slots=True)
class SettingsObservation:
    """What is seen of the kiosk now."""

    failing: frozenset[str]
    """Codes of health checks, see `failing_checks`."""
    is_starting: bool
    is_connected: bool
    has_receipt: bool
    """The centre sent a receipt over a connection of this process."""


class Verdict(Enum):
    """What to do with the trial."""

    WAIT = "wait"
    KEEP = "keep"
    ROLL_BACK = "roll-back"


def failing_checks(checks: Iterable[HealthCheck]) -> frozenset[str]:
    """The codes of the checks that count."""
    return frozenset(
        check.code
        for check in checks
        if check.status is CheckStatus.FAIL or (check.status is CheckStatus.WARN and check.code in COUNTED_WARNINGS)
    )


class SteadyFailures:
    """Which checks fail for a while. A camera that has just started has no frame yet, and is not out of order."""

    def __init__(self) -> None:
        self._since_s: dict[str, float] = {}

    def observe(self, failing: frozenset[str], now_s: float) -> None:
        """What fails now."""
        self._since_s = {code: self._since_s.get(code, now_s) for code in failing}

    def steady(self, now_s: float) -> tuple[str, ...]:
        """What fails without a pause since STEADY_S."""
        return tuple(sorted(code for code, since_s in self._since_s.items() if now_s - since_s >= STEADY_S))


class TrialJudge:
    """One trial of one process. One thread."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._well_since_s: float | None = None
        self._seen: SettingsObservation | None = None

    def judge(self, seen: SettingsObservation, now_s: float) -> Verdict:
        """Call it at least every few seconds. After ROLL_BACK, `why` says why."""
        self._seen = seen
        if self._fault(seen) is None:
            if self._well_since_s is None:
                self._well_since_s = now_s
            if now_s - self._well_since_s >= SETTLE_S:
                return Verdict.KEEP
        else:
            self._well_since_s = None
        return Verdict.ROLL_BACK if now_s >= self._trial.deadline_s else Verdict.WAIT

    @property
    def why(self) -> tuple[TrialCode, str]:
        """What is missing, as a code and a detail."""
        if self._seen is None:
            return TrialCode.NOT_STARTED, ""
        return self._fault(self._seen) or (TrialCode.HEALTH, "not well for long enough")

    def _fault(self, seen: SettingsObservation) -> tuple[TrialCode, str] | None:
        new = sorted(seen.failing - set(self._trial.failing_before))
        if new or seen.is_starting:
            return TrialCode.HEALTH, ", ".join(new) or "starting"
        if self._trial.needs_receipt and not seen.has_receipt:
            return (TrialCode.NO_RECEIPT if seen.is_connected else TrialCode.NO_CONNECTION), ""
        return None
