"""Interface between the acceptance steps and the device, and the result of a step."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from kiosk import config


class StepStatus(StrEnum):
    """PENDING: the step was skipped, or continues in the next run."""

    PASSED = "passed"
    FAILED = "failed"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class StepResult:
    """One line of the report. `detail` has measured values and no personal data."""

    name: str
    status: StepStatus
    detail: str = ""


def step_result(name: str, detail: str = "", *, passed: bool | None) -> StepResult:
    """Result of a step. `passed` None: there is no answer, so the step is pending."""
    return StepResult(
        name, StepStatus.PENDING if passed is None else StepStatus.PASSED if passed else StepStatus.FAILED, detail
    )


class AcceptanceContext(Protocol):
    """The device and its owner, as a step uses them."""

    settings: config.Settings

    def instruct(self, msgid: str, **values: object) -> None:
        """Print what the owner should do (`acceptance.MSGID` of the catalogues). The step detects the result."""

    def ask(self, msgid: str, **values: object) -> bool | None:
        """Yes, no, or None for skipped."""

    def read_status(self) -> Mapping[str, Any] | None:
        """Status of the running daemon, or None."""

    def wait_until(self, condition: Callable[[], bool], timeout_s: float) -> float | None:
        """Seconds until the condition was true, or None after the timeout."""

    def read_file(self, path: str) -> str:
        """Text of a small file in /proc, /sys or /boot. Empty if there is none."""

    def run_command(self, *command: str) -> str:
        """Output of a command. Empty if it cannot run."""


AcceptanceStep = Callable[[AcceptanceContext], StepResult]


def decision_count(context: AcceptanceContext) -> int:
    """Decisions since the daemon started."""
    status = context.read_status()
    return sum(status["counters"].values()) if status else 0


def check_is_failing(context: AcceptanceContext, code: str) -> bool:
    """True if this health check does not pass now."""
    status = context.read_status()
    return any(check["code"] == code and check["status"] != "pass" for check in (status or {"checks": []})["checks"])


def device_state(context: AcceptanceContext) -> str:
    """State of the device as in its status, or `not running`."""
    status = context.read_status()
    return str(status["state"]) if status else "not running"


def is_connected(context: AcceptanceContext) -> bool:
    """True if the daemon is connected to the broker."""
    status = context.read_status()
    return bool(status and status["uplink"]["connected"])


def backlog_size(context: AcceptanceContext) -> int:
    """Number of undelivered events. -1 without a status."""
    status = context.read_status()
    return int(status["outbox"]["backlog_size"]) if status else -1
