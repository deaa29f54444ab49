"""The configuration that a centre wants of one device, and what the device says about its own. Pure.

A configuration is a table of settings, `{"access.capacity": 200}`, that counts over the device's file. Its SHA-256 names it.
"""

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import Field, JsonValue

from mqtt.message_model import MessageModel, ReceivedTime, Seq, SeqOrZero, ShortText
from mqtt.remote.fields import Sentence, SessionId, WireName

MAX_VALUES = 200
"""Settings of one configuration. The schema has fewer."""
MAX_VALUES_BYTES = 16 * 1024
"""Of all settings of a device, as `canonical_bytes`."""

SettingName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){0,3}$", max_length=80)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Values = Annotated[dict[SettingName, JsonValue], Field(max_length=MAX_VALUES)]


class TrialState(StrEnum):
    """How far a configuration of the centre is on the device. Wire values."""

    IN_FORCE = "in-force"
    ON_TRIAL = "on-trial"
    ROLLED_BACK = "rolled-back"
    """It was tried, and did not work. `code` says why. The configuration of before is in force."""
    REFUSED = "refused"
    """It was not tried. `code` says why."""


class TrialCode(StrEnum):
    """Why a configuration is not in force. Wire values."""

    INVALID = "invalid"
    """The same check as for a file finds mistakes."""
    NO_CONNECTION = "no-connection"
    NO_RECEIPT = "no-receipt"
    """The broker is there, and the centre sent nothing."""
    HEALTH = "health"
    """Something is out of order that worked before."""
    NOT_STARTED = "not-started"
    """The kiosk did not start with it."""
    CRASHED = "crashed"
    INTERRUPTED = "interrupted"
    """The power failed twice."""
    BY_HAND = "by-hand"
    """A person at the device took it back."""
    BUSY = "busy"
    """Another trial runs."""
    DISK = "disk"
    """The journal could not be written."""
    CLOCK_UNSET = "clock-unset"
    EXPIRED = "expired"
    NOT_YET = "not-yet-valid"


PASSING_CODES = frozenset({TrialCode.BUSY, TrialCode.DISK, TrialCode.CLOCK_UNSET, TrialCode.EXPIRED, TrialCode.NOT_YET})
"""Not the fault of the configuration. A centre sends it again after a later hello."""


class DesiredMessage(MessageModel):
    """What the fleet key signs: all settings of one device that do not come from its file."""

    MAX_BYTES: ClassVar[int] = 48 * 1024
    device: WireName
    session: SessionId
    """That of the device's newest hello."""
    counter: Seq
    """Higher than that of each order before, to this device."""
    issued_at: ReceivedTime
    expires_at: ReceivedTime
    values: Values = Field(repr=False)
    """By dotted name. What is not there has the value of the device's file."""
    origins: Annotated[dict[SettingName, Sentence], Field(max_length=MAX_VALUES)] = Field(default_factory=dict)
    """Where each value was set: `city`, `area NUMBER`, `site NAME` or `device`."""
    changed_by: ShortText = ""
    """Who made the newest change. Name of the account, or `cli:NAME`."""
    reason: Sentence = ""


class ConfigurationReport(MessageModel):
    """What a device says of its configuration, in its hello."""

    sha256: Sha256
    """Of the values of the centre that are in force."""
    counter: SeqOrZero = 0
    """Of the order that brought them. 0: none did."""
    tried_sha256: Sha256 | None = None
    """Of the values that came last."""
    state: TrialState = TrialState.IN_FORCE
    """Of the values that came last."""
    code: Annotated[str, Field(pattern=r"^[a-z0-9-]{0,48}$")] = ""
    """A TrialCode, or one of a later release."""
    detail: Sentence = ""
    """A technical text in English."""
    local: Values = Field(default_factory=dict)
    """Settings that were changed on the device's own page. They count before those of the centre."""


def canonical_bytes(values: Mapping[str, Any]) -> bytes:
    """The one form of a table of settings that is hashed and stored. Raises ValueError for what is no JSON."""
    return json.dumps(dict(values), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def values_sha256(values: Mapping[str, Any]) -> str:
    """The name of a configuration."""
    return hashlib.sha256(canonical_bytes(values)).hexdigest()
