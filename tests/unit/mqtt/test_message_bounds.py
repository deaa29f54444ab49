"""Readers bound every time, number and text of a device, and reasons contain nothing of its message."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.core.model import StoredEvent
from mqtt import events
from mqtt.device_messages import HealthMessage, StateMessage
from mqtt.message_model import InvalidMessageError
from tests.fakes.data.access_events import EPOCH, GATE, an_event, event_text

BAD_TIMES = (
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "1969-12-31T23:59:59Z",
    "2200-01-01T00:00:00Z",
    "2026-11-23T08:00:00",
)
HEALTH = {
    "at": "2026-11-23T08:00:00Z",
    "state": "ready",
    "clock_quality": "synchronised",
    "epoch": EPOCH,
    "newest_seq": 1,
    "backlog": 0,
}
NOTICE = {"number": 1, "kind": "purged-age", "at": "2026-11-23T08:00:00Z", "count": 1}


def event(**changes: Any) -> dict[str, Any]:
    """A valid event. Changes of names in its data go there."""
    made: dict[str, Any] = json.loads(event_text(StoredEvent(EPOCH, 1, "boot-a", an_event(1)), GATE.source))
    for name, value in changes.items():
        (made["data"] if name in made["data"] else made)[name] = value
    return made


def rejection_reason(**changes: Any) -> str:
    good, bad = events.parse_events(json.dumps(event(**changes)).encode(), GATE.source)
    assert good == []
    return bad[0].reason


@pytest.mark.parametrize("time", BAD_TIMES)
def test_a_time_without_a_zone_or_far_from_any_real_one_is_rejected_in_every_message(time: str) -> None:
    assert rejection_reason(time=time) in {"bad-time", "time-without-zone"}
    for content in ({**HEALTH, "at": time}, {**HEALTH, "notices": [{**NOTICE, "at": time}]}):
        with pytest.raises(InvalidMessageError, match=r"^bad-(notices-)?at$"):
            HealthMessage.from_payload(json.dumps(content).encode())
    with pytest.raises(InvalidMessageError, match=r"^bad-at$"):
        StateMessage.from_payload(json.dumps({"state": "ready", "at": time}).encode())


def test_a_clock_that_was_never_set_is_no_reason_to_reject() -> None:
    good, bad = events.parse_events(json.dumps(event(time="1970-01-01T00:00:07Z")).encode(), GATE.source)
    assert (len(good), bad) == (1, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pseudonym", "ab" * 33),
        ("pseudonym", "ab" * 1500),
        ("boot_id", "b" * 65),
        ("boot_id", "a\x1b[2Jb"),
        ("monotonic_s", 1e10),
        ("monotonic_s", -1),
        ("seq", 2**53),
        ("seq", 0),
        ("code_bytes", 10**9),
    ],
)
def test_a_value_out_of_bounds_is_rejected_with_the_name_of_its_field(name: str, value: object) -> None:
    assert rejection_reason(**{name: value}) == f"bad-data-{name.replace('_', '-')}"


def reason_of(read: Callable[[bytes], object], payload: bytes) -> str:
    try:
        read(payload)
    except InvalidMessageError as error:
        return str(error)
    return ""


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_reason_contains_no_name_that_came_from_the_message(name: str, value: str) -> None:
    content = {**HEALTH, "checks": {name: {"status": value, name: value}}, name: value}
    known = {f"bad-{field.replace('_', '-')}" for field in HealthMessage.model_fields}
    reason = reason_of(HealthMessage.from_payload, json.dumps(content).encode())
    assert reason in {"", "bad-checks", "bad-checks-status", "too-large", *known}


@given(st.binary(max_size=300) | st.from_regex(rb'\[*\{?"?[a-z]*"?:?[0-9eE+-]*\}?\]*', fullmatch=True))
def test_any_bytes_are_read_or_rejected(payload: bytes) -> None:
    for read in (
        lambda one: events.parse_events(one, GATE.source),
        HealthMessage.from_payload,
        StateMessage.from_payload,
    ):
        reason = reason_of(read, payload)
        assert reason == "" or reason.replace("-", "").isalnum()
