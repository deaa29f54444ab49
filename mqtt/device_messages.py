"""What a device and the centre tell each other of themselves: state, health, and how fast a backlog may come."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mqtt.message_model import Epoch, MessageModel, Seq, SeqOrZero, ShortText, Slug


class StateMessage(MessageModel):
    """What a device says of itself as a whole; retained."""

    state: Literal["birth", "ready", "degraded", "out-of-order", "offline"]
    reason: ShortText = ""
    """`stopped` after a clean stop, `connection-lost` in the last will, otherwise a word for people."""
    at: datetime | None = None
    """When the device came to this state; null in the last will, which is written before the end that it tells of."""
    connected_at: datetime | None = None
    """When this connection was made."""
    software_version: ShortText = ""
    epoch: Epoch | None = None
    newest_seq: SeqOrZero = 0
    backlog: SeqOrZero = 0


class HealthNotice(MessageModel):
    """Something that a device did to its own records: what it deleted, thinned or set aside. Counts of what is gone are records."""

    number: Seq
    """1, 2, 3 ... within the epoch: so a reader knows what he has not heard of."""
    kind: Slug
    """`purged-age`, `purged-rows`, `purged-bytes`, `redacted`, `corrupt-file-moved`."""
    at: datetime
    first_seq: Seq | None = None
    last_seq: Seq | None = None
    count: SeqOrZero
    """Records; of the same notice it may still grow on the day that it was begun."""
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


class HealthMessage(MessageModel):
    """Facts about the device, every minute, not kept but for its notices."""

    MAX_BYTES: ClassVar[int] = 16 * 1024
    at: datetime
    state: Slug
    clock_quality: Slug
    epoch: Epoch
    newest_seq: SeqOrZero
    backlog: SeqOrZero
    quarantined: SeqOrZero = 0
    purged: SeqOrZero = 0
    """Records deleted by retention and limits since this epoch began."""
    boot_id: ShortText = ""
    monotonic_s: float | None = Field(default=None, ge=0, le=1e12, allow_inf_nan=False)
    """With `at` and `clock` this dates all that was recorded in this boot, also before the clock was set."""
    checks: dict[Slug, CheckResult] = Field(default_factory=dict, max_length=64)
    """By the code of the check."""
    notices: tuple[HealthNotice, ...] = Field(default=(), max_length=32)
    """The newest, and in turn the older ones: each comes again, until the device's database ends."""


class CentreStateMessage(MessageModel):
    """What the centre says of itself; retained."""

    state: Literal["ready", "offline"]
    at: datetime | None = None


class BacklogRateMessage(MessageModel):
    """How fast a device may send its backlog; retained. Live passages do not wait for it."""

    events_per_s: Annotated[float, Field(ge=1, le=1e6, allow_inf_nan=False)] | None = None
    """Null: as fast as it can. Never less than one, so that a forged or mistaken wish cannot stop delivery."""
