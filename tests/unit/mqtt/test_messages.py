"""Messages: what is sent is valid by the published schemas, and what is received is validated."""

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.core.model import StoredEvent
from mqtt import device_messages, events, message_model, topics
from mqtt.events import InvalidEvent
from mqtt.message_model import InvalidMessageError
from mqtt.topics import DeviceTopics, TopicKind
from tests.fakes.data import wire_schema
from tests.fakes.data.access_events import EPOCH, GATE, an_event, an_undo_event, event_text

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def event_json(number: int = 1) -> dict[str, Any]:
    found = json.loads(event_text(StoredEvent(EPOCH, number, "boot-a", an_event(number)), GATE.source))
    assert isinstance(found, dict)
    return found


def read(content: Any) -> tuple[list[events.AccessCloudEvent], list[InvalidEvent]]:
    return events.parse_events(json.dumps(content).encode(), GATE.source)


def test_an_event_arrives_as_it_was_stored() -> None:
    access_event = an_event(7)
    good, bad = read(event_json(7))
    assert bad == []
    event = good[0]
    assert (event.id, event.time, event.data.seq, event.data.epoch) == (
        access_event.id,
        access_event.occurred_at,
        7,
        EPOCH,
    )
    assert (event.data.outcome, event.data.reason, event.data.direction) == ("pass", "ok", "in")
    assert (event.data.sealed, event.data.pseudonym) == (access_event.sealed, access_event.pseudonym.hex())


def test_the_schemas_are_schemas_and_there_is_one_per_message() -> None:
    assert wire_schema.NAMES == [
        "centre-backlog-rate", "centre-state", "command", "desired", "event", "health", "hello", "list", "receipt", "reply",
        "state",
    ]  # fmt: skip
    for name in wire_schema.NAMES:
        wire_schema.validator(name)


def test_a_batch_and_a_single_event_fit_the_schema() -> None:
    texts = [json.dumps(event_json(number)) for number in (1, 2)]
    topic = GATE.topic(TopicKind.EVENT)
    wire_schema.check(topic, events.make_payload(texts[:1]))
    wire_schema.check(topic, events.make_payload(texts))


def test_the_schema_refuses_what_the_reader_refuses() -> None:
    for spoil in ("seq", "epoch", "outcome", "sealed"):
        event = event_json()
        event["data"][spoil] = {"not": "this"}
        assert read(event)[1], spoil
        with pytest.raises(jsonschema.ValidationError):
            wire_schema.check(GATE.topic(TopicKind.EVENT), json.dumps(event).encode())


def test_a_reversal_names_the_undone_event_and_the_guards_reason() -> None:
    undone = an_event(6)
    text = event_text(StoredEvent(EPOCH, 7, "boot-a", an_undo_event(7, undone)), GATE.source)
    wire_schema.check(GATE.topic(TopicKind.EVENT), text.encode())
    good, bad = read(json.loads(text))
    assert bad == []
    data = good[0].data
    assert (data.annuls, data.manual_reason, data.direction) == (undone.id, "turned-back", "out")
    assert (data.outcome, data.reason, data.pseudonym, data.sealed) == ("check-again", "annulled", "", b"")


def test_an_event_that_is_no_reversal_has_no_optional_fields() -> None:
    assert not {"annuls", "manual_reason"} & set(event_json()["data"])


@given(st.sampled_from(["annuls", "manual_reason"]), json_values)
def test_an_invalid_reversal_is_rejected_by_reader_and_schema_alike(field: str, value: Any) -> None:
    event = event_json()
    event["data"][field] = value
    good, bad = read(event)
    assert len(good) + len(bad) == 1
    if value is not None and good:
        wire_schema.check(GATE.topic(TopicKind.EVENT), json.dumps(event).encode())


def test_one_invalid_event_does_not_reject_its_batch_and_its_id_is_known() -> None:
    bad_one = event_json(2)
    bad_one["data"]["seq"] = 0
    good, bad = read([event_json(1), bad_one, event_json(3)])
    assert [event.data.seq for event in good] == [1, 3]
    assert bad == [InvalidEvent(bad_one["id"], "bad-data-seq", EPOCH)]


def test_an_event_under_another_devices_name_is_refused() -> None:
    event = event_json()
    event["source"] = "/entrance/dong-ba/gate-2"
    assert [refused.reason for refused in read(event)[1]] == ["wrong-source"]


def test_a_reader_ignores_fields_that_it_does_not_know_so_that_v1_can_grow() -> None:
    event = event_json()
    event["future"] = event["data"]["future"] = "yes"
    assert read(event)[1] == []


def test_nothing_of_a_refused_events_content_is_repeated() -> None:
    event = event_json()
    event["data"]["reason"] = "NGUYEN VAN A|1987-01-18"
    assert read(event)[1][0].reason == "bad-data-reason"


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "not-json"),
        (b"\xff\xfe{}", "not-json"),
        (b"[" * 100_000, "not-json"),
        (b"[]", "batch-size"),
        (b"[" + b"1," * 200 + b"1]", "batch-size"),
        (b" " * (events.MAX_PAYLOAD_BYTES + 1), "too-large"),
    ],
)
def test_what_is_no_message_at_all_is_refused_with_a_word(payload: bytes, why: str) -> None:
    with pytest.raises(InvalidMessageError, match=why):
        events.parse_events(payload, GATE.source)


@given(st.binary(max_size=300) | json_values.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_make_a_reader_raise_anything_but_its_own_error(payload: bytes) -> None:
    for reader in (
        lambda data: events.parse_events(data, GATE.source),
        events.Receipt.from_payload,
        device_messages.StateMessage.from_payload,
        device_messages.HealthMessage.from_payload,
        device_messages.CentreStateMessage.from_payload,
        device_messages.BacklogRateMessage.from_payload,
    ):
        try:
            reader(payload)
        except InvalidMessageError as refused:
            word = str(refused)
            if len(word) > 48:
                raise AssertionError(word) from refused


@given(st.sampled_from(["specversion", "id", "source", "type", "time", "data"]), json_values)
def test_any_spoiled_field_is_refused_or_harmless(field: str, value: Any) -> None:
    event = event_json()
    event[field] = value
    good, bad = read(event)
    assert len(good) + len(bad) == 1


@given(
    st.integers(0, message_model.MAX_SEQ),
    st.lists(st.tuples(st.integers(1, 10**6), st.integers(10**6, 10**7)), max_size=300),
    st.lists(st.uuids(), max_size=600),
)
def test_a_receipt_is_read_as_it_was_meant_within_its_caps(
    up_to: int, beyond: list[tuple[int, int]], ids: list[Any]
) -> None:
    payload = events.receipt_payload(
        EPOCH, up_to, beyond, [InvalidEvent(str(one), "bad-data-seq", EPOCH) for one in ids]
    )
    wire_schema.check(GATE.topic(TopicKind.RECEIPT), payload)
    found = events.Receipt.from_payload(payload)
    assert (found.epoch, found.up_to_seq) == (EPOCH, up_to)
    assert list(found.ranges) == beyond[: events.MAX_RECEIPT_RANGES]
    assert [one.id for one in found.rejected] == ids[: events.MAX_RECEIPT_REJECTED]


def test_a_receipt_without_the_selective_part_is_a_receipt() -> None:
    assert events.Receipt.from_payload(b'{"epoch":"0123456789abcdef","up_to_seq":3,"rejected":[]}').up_to_seq == 3


def test_a_range_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(InvalidMessageError, match="bad-ranges"):
        events.Receipt.from_payload(b'{"epoch":"0123456789abcdef","up_to_seq":0,"ranges":[[9,3]],"rejected":[]}')


def test_the_small_messages_fit_their_schemas_and_come_back() -> None:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    will = device_messages.StateMessage(state="offline", reason="connection-lost")
    wire_schema.check(GATE.topic(TopicKind.STATE), will.to_payload())
    assert device_messages.StateMessage.from_payload(will.to_payload()) == will
    health = device_messages.HealthMessage(
        at=at,
        state="ready",
        clock_quality="unset",
        epoch=EPOCH,
        newest_seq=3,
        backlog=0,
        checks={"disk": device_messages.CheckResult(status="pass", value=900.0, unit="MB")},
    )
    wire_schema.check(GATE.topic(TopicKind.HEALTH), health.to_payload())
    assert device_messages.HealthMessage.from_payload(health.to_payload()) == health
    state = device_messages.CentreStateMessage(state="ready", at=at)
    wire_schema.check(topics.centre_state_topic("entrance"), state.to_payload())
    rate = device_messages.BacklogRateMessage(events_per_s=250.0)
    wire_schema.check(topics.backlog_rate_topic("entrance"), rate.to_payload())
    assert device_messages.BacklogRateMessage.from_payload(rate.to_payload()) == rate


def test_a_backlog_rate_cannot_stop_delivery() -> None:
    with pytest.raises(InvalidMessageError):
        device_messages.BacklogRateMessage.from_payload(b'{"events_per_s": 0}')


def test_a_topic_tells_whose_it_is() -> None:
    for leaf in TopicKind:
        assert topics.parse_topic(GATE.topic(leaf)) == (GATE, leaf)


@given(st.text())
def test_any_topic_is_parsed_or_none(topic: str) -> None:
    whose = topics.parse_topic(topic)
    assert whose is None or whose[0].topic(whose[1]) == topic


@pytest.mark.parametrize("word", ["", "+", "#", "a/b", "Chợ", "A", "-a", "a" * 64, "centre"])
def test_a_word_that_could_escape_its_branch_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match=r"topic|centre"):
        DeviceTopics("entrance", word, "gate-1")


def test_the_asyncapi_file_names_every_topic_with_its_schema_and_quality() -> None:
    described = json.loads((wire_schema.FOLDER / "asyncapi.json").read_text(encoding="utf-8"))
    assert sorted(described["channels"]) == wire_schema.NAMES
    for name, channel in described["channels"].items():
        reference = channel["messages"][name]["payload"]["$ref"]
        assert (wire_schema.FOLDER / reference).resolve() == (wire_schema.FOLDER / f"{name}.json").resolve()
        address = channel["address"].format(
            prefix="entrance", site="dong-ba", device="gate-1", name="+", id="+", kind="+"
        )
        assert address in {
            *map(GATE.topic, TopicKind),
            GATE.command_topic("+"),
            GATE.reply_topic("+"),
            GATE.list_topic("+"),
            topics.centre_state_topic("entrance"),
            topics.backlog_rate_topic("entrance"),
        }
    bindings = {
        operation["channel"]["$ref"].rsplit("/", 1)[1]: operation["bindings"]["mqtt"]
        for operation in described["operations"].values()
    }
    assert sorted(bindings) == wire_schema.NAMES
    assert bindings["state"] == {"qos": 1, "retain": True}
    assert bindings["event"] == {"qos": 1, "retain": False}


def test_a_text_with_nul_is_refused_because_postgresql_could_not_keep_it() -> None:
    event = event_json()
    event["data"]["boot_id"] = "boot\0a"
    good, bad = read(event)
    assert (good, [one.reason for one in bad]) == ([], ["bad-data-boot-id"])
    with pytest.raises(InvalidMessageError, match="bad-software"):
        device_messages.StateMessage.from_payload(json.dumps({"state": "ready", "software_version": "1\0"}).encode())
    with pytest.raises(jsonschema.ValidationError):
        wire_schema.check(GATE.topic(TopicKind.EVENT), json.dumps(event).encode())
