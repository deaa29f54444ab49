"""The bench on which a real Pi is accepted: the world as a step sees it, and what a step finds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from kiosk import config


class StepStatus(StrEnum):
    """How a step ended. PENDING: it was skipped, or it waits for the next run."""

    PASSED = "passed"
    FAILED = "failed"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class StepResult:
    """One line of the report. `detail` holds what was measured, without data about persons."""

    name: str
    status: StepStatus
    detail: str = ""


def step_result(name: str, detail: str = "", *, passed: bool | None) -> StepResult:
    """A step that passed or failed; None where there is no answer."""
    return StepResult(
        name, StepStatus.PENDING if passed is None else StepStatus.PASSED if passed else StepStatus.FAILED, detail
    )


class AcceptanceContext(Protocol):
    """The world as a step sees it."""

    settings: config.Settings

    def instruct(self, msgid: str, **values: object) -> None:
        """Tell the owner what to do now (`acceptance.MSGID` of the catalogues). The step watches what comes of it."""

    def ask(self, msgid: str, **values: object) -> bool | None:
        """Yes, no, or None for skipped."""

    def read_status(self) -> Mapping[str, Any] | None:
        """What the running daemon says of itself."""

    def wait_until(self, condition: Callable[[], bool], timeout_s: float) -> float | None:
        """Seconds until it was so, None where it was not in time."""

    def read_file(self, path: str) -> str:
        """A small file of /proc, /sys or /boot; empty where there is none."""

    def run_command(self, *command: str) -> str:
        """What a command prints; empty where it fails."""


AcceptanceStep = Callable[[AcceptanceContext], StepResult]


def decision_count(context: AcceptanceContext) -> int:
    """Decisions since the daemon started."""
    status = context.read_status()
    return sum(status["counters"].values()) if status else 0


def check_is_failing(context: AcceptanceContext, code: str) -> bool:
    """Whether this health check is not passed now."""
    status = context.read_status()
    return any(check["code"] == code and check["status"] != "pass" for check in (status or {"checks": []})["checks"])


def device_state(context: AcceptanceContext) -> str:
    """As the lamp says."""
    status = context.read_status()
    return str(status["state"]) if status else "not running"


def is_connected(context: AcceptanceContext) -> bool:
    """Whether the daemon has a way to the centre just now."""
    status = context.read_status()
    return bool(status and status["uplink"]["connected"])


def backlog_size(context: AcceptanceContext) -> int:
    """How many passages wait for the centre; -1 where the daemon says nothing."""
    status = context.read_status()
    return int(status["outbox"]["backlog_size"]) if status else -1
