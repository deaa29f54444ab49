"""A device that floods the centre delays itself, and acknowledgements keep the order of arrival."""

from hypothesis import given
from hypothesis import strategies as st

from mqtt.centre.ingest.inbox import SHARE_BYTES, FairInbox
from mqtt.connection import IncomingMessage


def message(device: int, size: int = 10) -> IncomingMessage:
    return IncomingMessage(f"entrance/v1/dong-ba/gate-{device}/event", b"x" * size, 1, retain=False, token=0)


def test_behind_a_flood_of_one_device_another_one_waits_for_one_share_at_most() -> None:
    inbox = FairInbox()
    inbox.add(message(2))
    inbox.take()
    for _ in range(50):
        inbox.add(message(1, 256_000))
    assert len(inbox.take()) == 1, "the other device sent something a moment ago, and may send again"
    inbox.add(message(2))
    taken = inbox.take()
    assert [one.topic for one in taken].count(message(2).topic) == 1
    assert sum(len(one.payload) for one in taken) <= SHARE_BYTES + 256_000


def test_a_device_alone_uses_whole_transactions() -> None:
    inbox = FairInbox()
    for _ in range(50):
        inbox.add(message(1, 100_000))
    assert len(inbox.take()) == 6


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 300_000)), max_size=40))
def test_each_message_is_taken_once_and_acknowledged_in_the_order_of_arrival(
    arrivals: list[tuple[int, int]],
) -> None:
    inbox = FairInbox()
    messages = [message(device, size) for device, size in arrivals]
    for one in messages:
        inbox.add(one)
    taken: list[IncomingMessage] = []
    acknowledged: list[IncomingMessage] = []
    while inbox:
        batch = inbox.take()
        taken += batch
        acknowledged += inbox.finish(batch)
    assert list(map(id, acknowledged)) == list(map(id, messages))
    for device in range(1, 5):
        own = message(device).topic
        assert [id(one) for one in taken if one.topic == own] == [id(one) for one in messages if one.topic == own]
