"""Encoding rows gives the same events as encoding objects."""

import json
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kiosk.core.model import AccessEvent, Assurance, ClockQuality, CodeKind, Direction, ManualReason, Outcome, Reason
from kiosk.delivery.event_encoder import MAX_CACHED_SECONDS, EventEncoder
from kiosk.storage import rows
from mqtt import events
from mqtt.message_model import LAST_YEAR, MAX_MONOTONIC_S
from mqtt.topics import TopicKind
from tests.fakes.data import wire_schema
from tests.fakes.data.access_events import EPOCH, an_event

SOURCE = "/entrance/dong-ba/gate-1"
TOPIC = f"entrance/v1/dong-ba/gate-1/{TopicKind.EVENT}"
BOOT = 'boot "%s" \\ ₫'

words = st.sampled_from
moments = st.datetimes(datetime(1970, 1, 1), datetime(LAST_YEAR, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - its zone follows


def access_events() -> st.SearchStrategy[AccessEvent]:
    return st.builds(
        AccessEvent,
        id=st.uuids(),
        occurred_at=moments,
        monotonic_s=st.floats(0, MAX_MONOTONIC_S, allow_nan=False),
        clock_quality=words(ClockQuality),
        outcome=words(Outcome),
        reason=words(Reason),
        direction=st.none() | words(Direction),
        kind=st.none() | words(CodeKind),
        assurance=st.none() | words(Assurance),
        pseudonym=st.just(b"") | st.binary(min_size=16, max_size=16),
        sealed=st.binary(max_size=600),
        code_bytes=st.integers(0, 1_000_000),
        annuls=st.none() | st.uuids(),
        manual_reason=st.none() | words(ManualReason),
    )


def expected(seq: int, event: AccessEvent) -> dict[str, Any]:
    """The contract in a second, plain form."""
    data: dict[str, Any] = {
        "epoch": EPOCH,
        "seq": seq,
        "boot_id": BOOT,
        "monotonic_s": float(f"{event.monotonic_s:.6f}"),
        "clock_quality": event.clock_quality.value,
        "outcome": event.outcome.value,
        "reason": event.reason.value,
        "direction": event.direction,
        "kind": event.kind,
        "assurance": event.assurance,
        "pseudonym": event.pseudonym.hex(),
        "sealed": b64encode(event.sealed).decode(),
        "code_bytes": event.code_bytes,
    }
    data |= {"annuls": str(event.annuls)} if event.annuls is not None else {}
    data |= {"manual_reason": event.manual_reason.value} if event.manual_reason is not None else {}
    whole = event.occurred_at.replace(tzinfo=None, microsecond=event.occurred_at.microsecond // 1000 * 1000)
    return {
        "specversion": "1.0",
        "id": str(event.id),
        "source": SOURCE,
        "type": "entrance.access.v1",
        "time": whole.isoformat(timespec="milliseconds") + "Z",
        "datacontenttype": "application/json",
        "data": data,
    }


@given(st.integers(1, 2**53 - 1), access_events())
def test_every_event_is_encoded_as_the_contract_says(seq: int, event: AccessEvent) -> None:
    encoder = EventEncoder(SOURCE, EPOCH, {7: BOOT})
    [(number, text)] = encoder.encode([rows.event_to_row(seq, 7, event)])
    assert number == seq
    assert text.isascii()
    assert list(json.loads(text).items()) == list(expected(seq, event).items()), "also the order of the members"
    assert list(json.loads(text)["data"]) == list(expected(seq, event)["data"])


@given(st.lists(access_events(), min_size=2, max_size=4))
def test_a_batch_is_what_the_centre_reads_back(many: list[AccessEvent]) -> None:
    encoder = EventEncoder(SOURCE, EPOCH, {1: "boot"})
    texts = [text for _, text in encoder.encode([rows.event_to_row(seq, 1, one) for seq, one in enumerate(many, 1)])]
    payload = events.make_payload(texts)
    wire_schema.check(TOPIC, payload)
    good, bad = events.parse_events(payload, SOURCE)
    assert bad == []
    assert [(event.id, event.data.seq, event.data.sealed) for event in good] == [
        (one.id, seq, one.sealed) for seq, one in enumerate(many, 1)
    ]


def test_a_source_with_a_percent_sign_is_no_template() -> None:
    [(_, text)] = EventEncoder("/100%s/%d", EPOCH, {1: "b"}).encode([rows.event_to_row(1, 1, an_event())])
    assert json.loads(text)["source"] == "/100%s/%d"


def test_seconds_that_were_written_are_not_kept_for_ever() -> None:
    encoder = EventEncoder(SOURCE, EPOCH, {1: "b"})
    for number in range(MAX_CACHED_SECONDS + 10):
        encoder.encode(
            [
                rows.event_to_row(
                    1, 1, replace(an_event(1), occurred_at=an_event(1).occurred_at + timedelta(seconds=number))
                )
            ]
        )
    assert len(encoder._seconds) <= MAX_CACHED_SECONDS
