"""The centre's messages to itself: one at a time, and only its own ones count."""

from mqtt.centre.ingest.delay_probe import INTERVAL_S, LOST_S, DelayProbe


def send(probe: DelayProbe, now_s: float) -> bytes:
    payload = probe.next_payload(now_s)
    assert payload is not None
    return payload


def test_one_message_is_on_its_way_at_a_time_and_its_delay_is_that_until_the_commit() -> None:
    probe = DelayProbe("entrance", "centre-2")
    assert probe.topic == "entrance/v1/centre/probe/centre-2"
    first = send(probe, 10.0)
    assert probe.next_payload(10.0 + LOST_S / 2) is None
    assert probe.on_committed(first, 13.5) == 3.5
    assert send(probe, 13.5) != first


def test_messages_are_apart_where_they_come_back_at_once() -> None:
    probe = DelayProbe("entrance", "centre")
    assert probe.on_committed(send(probe, 1.0), 1.0) == 0.0
    assert probe.next_payload(1.0 + INTERVAL_S / 2) is None
    send(probe, 1.0 + INTERVAL_S)


def test_a_message_of_an_earlier_start_or_of_another_sender_says_nothing() -> None:
    earlier, probe = DelayProbe("entrance", "centre"), DelayProbe("entrance", "centre")
    old = send(earlier, 0.0)
    own = send(probe, 1.0)
    assert probe.on_committed(old, 2.0) is None
    assert probe.on_committed(own + b"x", 2.0) is None
    assert probe.on_committed(own, 2.0) == 1.0
    assert probe.on_committed(own, 3.0) is None, "it came twice"


def test_where_the_broker_never_delivers_one_its_absence_is_no_delay() -> None:
    probe = DelayProbe("entrance", "centre")
    send(probe, 0.0)
    assert probe.waiting_s(50.0) == 0.0
    again = send(probe, LOST_S)
    probe.on_committed(again, LOST_S + 1)
    send(probe, LOST_S + 1)
    assert probe.waiting_s(LOST_S + 8) == 7.0
    probe.on_connected()
    assert probe.waiting_s(LOST_S + 9) == 0.0
    send(probe, LOST_S + 9)


def test_a_name_that_is_no_topic_level_still_has_a_topic_of_its_own() -> None:
    strange = {DelayProbe("entrance", name).topic for name in ("a/b", "a+b", "#", "", "x" * 100)}
    assert len(strange) == 5
    assert all(topic.count("/") == 4 and not set(topic) & set("+#") for topic in strange)
