"""What is in force over the configuration file, what is on trial, and who changed what: values and their transitions. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from mqtt.remote.configuration import TrialCode, TrialState, values_sha256

TRIAL_S = 180.0
"""How long a trial may take until it is as healthy as before and the centre has answered."""
MAX_STARTS = 3
"""Starts of the daemon with a configuration on trial, without a power cut between them. The next one goes back."""
MAX_BOOTS = 2
"""The first one, and one more trial after a power cut."""
KEPT_ENTRIES = 100
BY_CENTRE, BY_DEVICE = "centre", "device"


@dataclass(frozen=True, slots=True)
class Overlay:
    """Settings over the file, by dotted name."""

    centre: Mapping[str, Any] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    """Where the centre has each value from."""
    counter: int = 0
    """Of the centre's order. 0: there was none."""
    local: Mapping[str, Any] = field(default_factory=dict)
    """Set on this device. They count before those of the centre."""

    @property
    def values(self) -> dict[str, Any]:
        """All of them."""
        return {**self.centre, **self.local}


@dataclass(frozen=True, slots=True)
class Author:
    """Who changed something, and why."""

    place: str
    """BY_CENTRE or BY_DEVICE."""
    who: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """An overlay that is tried. `boots` and `starts` are counted when the daemon starts with it."""

    overlay: Overlay
    author: Author
    begun_at: datetime
    failing_before: tuple[str, ...] = ()
    """Codes of the health checks that failed before the trial."""
    needs_receipt: bool = True
    """The centre answered before the trial."""
    boot_id: str = ""
    """The boot in which it was asked for, or last started."""
    boots: int = 0
    starts: int = 0
    """In this boot."""
    deadline_s: float = 0.0
    """Monotonic time of this boot."""

    @property
    def is_started(self) -> bool:
        """Whether the daemon runs with it."""
        return self.boots > 0


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the last configuration that came."""

    sha256: str
    """Of the centre's values in it."""
    state: TrialState
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One change that was tried, or put in force."""

    at: datetime
    author: Author
    changes: Mapping[str, tuple[Any, Any]]
    """Dotted name -> value before and after. None: the value of the file."""
    state: TrialState
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class OverlayState:
    """All that the journal holds."""

    device: str = ""
    """`SITE/DEVICE`. After an enrolment under another name nothing of this counts."""
    counter: int = 0
    """The highest of all orders of the centre that were taken."""
    in_force: Overlay = Overlay()
    trial: Trial | None = None
    last: Result | None = None
    history: tuple[HistoryEntry, ...] = ()
    """Oldest first."""

    @property
    def effective(self) -> Overlay:
        """What the daemon runs with."""
        return self.trial.overlay if self.trial and self.trial.is_started else self.in_force


def begin(state: OverlayState, trial: Trial, boot_id: str, now_s: float) -> OverlayState:
    """Put a candidate on trial. It counts from the next start of the daemon on, its time from now on."""
    return replace(state, trial=replace(trial, boot_id=boot_id, deadline_s=now_s + TRIAL_S))


def count_start(state: OverlayState, boot_id: str, now_s: float, now_at: datetime) -> OverlayState:
    """The daemon starts. The trial goes on, has one more boot after a power cut, or is over."""
    trial = state.trial
    if trial is None:
        return state
    if trial.boot_id == boot_id:
        if now_s >= trial.deadline_s or trial.starts >= MAX_STARTS:
            return roll_back(state, now_at, TrialCode.CRASHED, f"{trial.starts} starts")
        return replace(state, trial=replace(trial, boots=max(1, trial.boots), starts=trial.starts + 1))
    if trial.boots >= MAX_BOOTS:
        return roll_back(state, now_at, TrialCode.INTERRUPTED)
    begun = replace(trial, boot_id=boot_id, boots=trial.boots + 1, starts=1, deadline_s=now_s + TRIAL_S)
    return replace(state, trial=begun)


def keep(state: OverlayState, now_at: datetime) -> OverlayState:
    """The trial is good."""
    trial = state.trial
    assert trial is not None
    return adopt(replace(state, trial=None), trial.overlay, trial.author, now_at)


def adopt(state: OverlayState, overlay: Overlay, author: Author, now_at: datetime) -> OverlayState:
    """Put an overlay in force."""
    changes = changed_values(state.in_force, overlay)
    entry = HistoryEntry(now_at, author, changes, TrialState.IN_FORCE)
    last = Result(values_sha256(overlay.centre), TrialState.IN_FORCE)
    history = _appended(state, entry) if changes else state.history
    return replace(state, in_force=overlay, last=last, history=history)


def roll_back(state: OverlayState, now_at: datetime, code: TrialCode, detail: str = "") -> OverlayState:
    """The trial failed. What was in force before is in force."""
    assert state.trial is not None
    return _failed(replace(state, trial=None), state.trial, now_at, TrialState.ROLLED_BACK, (code, detail))


def refuse(state: OverlayState, candidate: Trial, now_at: datetime, code: TrialCode, detail: str = "") -> OverlayState:
    """The candidate is not tried."""
    return _failed(state, candidate, now_at, TrialState.REFUSED, (code, detail))


def drop_in_force(state: OverlayState, now_at: datetime, detail: str) -> OverlayState:
    """What is in force does not fit the configuration file any more, which a person changed. The file alone counts."""
    author = Author(BY_DEVICE, "kiosk", "the configuration file was changed")
    nothing = Overlay(counter=state.in_force.counter)
    entry = HistoryEntry(
        now_at, author, changed_values(state.in_force, nothing), TrialState.ROLLED_BACK, TrialCode.INVALID, detail[:200]
    )
    last = Result(values_sha256(state.in_force.centre), TrialState.ROLLED_BACK, TrialCode.INVALID, detail[:200])
    return replace(state, in_force=nothing, last=last, history=_appended(state, entry))


def changed_values(before: Overlay, after: Overlay) -> dict[str, tuple[Any, Any]]:
    """What differs, by dotted name."""
    old, new = before.values, after.values
    return {
        name: (old.get(name), new.get(name))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name) or (name in old) != (name in new)
    }


def _failed(
    state: OverlayState, candidate: Trial, now_at: datetime, result: TrialState, why: tuple[TrialCode, str]
) -> OverlayState:
    code, detail = why[0], why[1][:200]
    changes = changed_values(state.in_force, candidate.overlay)
    entry = HistoryEntry(now_at, candidate.author, changes, result, code, detail)
    last = Result(values_sha256(candidate.overlay.centre), result, code, detail)
    return replace(state, last=last, history=_appended(state, entry))


def _appended(state: OverlayState, entry: HistoryEntry) -> tuple[HistoryEntry, ...]:
    return (*state.history, entry)[-KEPT_ENTRIES:]
