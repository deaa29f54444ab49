"""Messages about a device and about the centre: state, health, and the backlog rate."""

import json
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field

from mqtt.message_model import (
    BootId,
    Epoch,
    MessageModel,
    MonotonicS,
    ReceivedTime,
    Seq,
    SeqOrZero,
    ShortText,
    Slug,
)
from mqtt.printable_text import printable

DeviceStateName = Literal["birth", "ready", "degraded", "out-of-order", "offline"]
DEVICE_STATES = frozenset(get_args(DeviceStateName))


class StateMessage(MessageModel):
    """Device state. Retained."""

    state: DeviceStateName
    reason: ShortText = ""
    """`stopped` after a clean stop, `connection-lost` in the last will, else the failing health checks."""
    at: ReceivedTime | None = None
    """When the state began. Null in the last will, because it is written before the connection is lost."""
    connected_at: ReceivedTime | None = None
    """When this connection was made."""
    software_version: ShortText = ""
    epoch: Epoch | None = None
    newest_seq: SeqOrZero = 0
    backlog: SeqOrZero = 0


class HealthNotice(MessageModel):
    """What a device did to its own records: deletions, redactions, moved files."""

    number: Seq
    """1, 2, 3 ... within the epoch, so that a reader finds missing notices."""
    kind: Slug
    """`purged-age`, `purged-rows`, `purged-bytes`, `purged-quarantine`, `redacted`, `unreadable`, `rows-missing`, `new-epoch`,
    `corrupt-file-moved`, `events-salvaged`, `refusals-counted`."""
    at: ReceivedTime
    first_seq: Seq | None = None
    last_seq: Seq | None = None
    count: SeqOrZero
    """Number of records. It may grow until the end of the day."""
    detail: ShortText = ""


class CheckResult(MessageModel):
    """Result of one health check."""

    status: Literal["pass", "warn", "fail"]
    value: float | None = Field(default=None, allow_inf_nan=False)
    """What was measured. Null: this check has no number."""
    unit: ShortText = ""
    """Of the value: `s`, `MB`, `°C` or `events`."""
    reason: ShortText = ""
    """Which of the findings of this check it is, such as `frozen`. Empty if there is only one."""
    detail: ShortText = ""
    """A technical text in English, such as the release that failed and why. Never anything of a person."""


SHOWN_PASSES = frozenset({"release-trial", "os-updates"})
"""Checks that passed and still tell the centre something."""
MAX_FINDINGS = 16


def _finding(code: str, check: CheckResult) -> dict[str, object]:
    found = check.model_dump(exclude_defaults=True)
    return {"code": code, **{name: printable(one) if isinstance(one, str) else one for name, one in found.items()}}


class HealthMessage(MessageModel):
    """Device health, every minute. The centre keeps the notices, and the findings of the newest one."""

    MAX_BYTES: ClassVar[int] = 16 * 1024
    at: ReceivedTime
    state: Slug
    clock_quality: Slug
    epoch: Epoch
    newest_seq: SeqOrZero
    backlog: SeqOrZero
    quarantined: SeqOrZero = 0
    purged: SeqOrZero = 0
    """Events deleted by retention and limits in this epoch."""
    boot_id: BootId = ""
    monotonic_s: MonotonicS | None = None
    """With `at` and `clock_quality` this dates what was recorded in this boot before the clock was set."""
    checks: dict[Slug, CheckResult] = Field(default_factory=dict, max_length=64)
    """By the code of the check."""
    notices: tuple[HealthNotice, ...] = Field(default=(), max_length=32)
    """The newest, and in turn the older ones. All of them are sent again and again."""

    @property
    def device_state(self) -> str | None:
        """The state as in a state message. None: this release does not know the word."""
        state = "birth" if self.state == "starting" else self.state
        return state if state in DEVICE_STATES else None

    @property
    def clock_offset_s(self) -> float | None:
        """Wall clock minus monotonic clock of this boot. None where the message does not say, or its clock is not set."""
        if self.clock_quality != "synchronised" or not self.boot_id or self.monotonic_s is None:
            return None
        return self.at.timestamp() - self.monotonic_s

    @property
    def failing_checks(self) -> str:
        """The reason of the state: the names of the failing checks."""
        return ", ".join(sorted(code for code, check in self.checks.items() if check.status == "fail"))[:64]

    @property
    def findings(self) -> str:
        """What the device's own checks found, as a JSON list of objects as in `checks`, with `code`. Failures first."""
        order = ("fail", "warn", "pass")
        shown = [
            (order.index(check.status), code, check)
            for code, check in self.checks.items()
            if check.status != "pass" or code in SHOWN_PASSES
        ]
        return json.dumps(
            [_finding(code, check) for _, code, check in sorted(shown, key=lambda one: one[:2])[:MAX_FINDINGS]]
        )


class CentreStateMessage(MessageModel):
    """Centre state. Retained."""

    state: Literal["ready", "offline"]
    at: ReceivedTime | None = None


class BacklogRateMessage(MessageModel):
    """How fast a device may send its backlog. Retained. New events do not wait for it."""

    events_per_s: Annotated[float, Field(ge=1, le=1e6, allow_inf_nan=False)] | None = None
    """Null: as fast as the device can. At least 1, so that a forged or wrong message cannot stop delivery."""
