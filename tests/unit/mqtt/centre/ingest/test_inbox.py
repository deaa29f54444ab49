"""Live messages come before backlogs, a device that floods the centre delays itself, and acknowledgements keep their order."""

from hypothesis import given
from hypothesis import strategies as st

from mqtt.centre.ingest.inbox import (
    BATCH_BYTES,
    COMMIT_S,
    LARGE_BYTES,
    LARGE_SHARE,
    LEAST_LARGE_BYTES,
    MAX_BYTES,
    MAX_DEVICE_BYTES,
    MAX_DEVICE_MESSAGES,
    MOST_LARGE_BYTES,
    SHARE_BYTES,
    FairInbox,
)
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
        for large in (False, True):
            own = [one for one in messages if is_of(one, device, large=large)]
            assert list(map(id, own)) == [id(one) for one in taken if is_of(one, device, large=large)]


def is_of(one: IncomingMessage, device: int, *, large: bool) -> bool:
    return one.topic == message(device).topic and (len(one.payload) > LARGE_BYTES) == large


def test_a_live_event_is_in_the_next_transaction_behind_the_backlogs_of_a_city() -> None:
    inbox = FairInbox()
    for device in range(1, 1000):
        inbox.add(message(device, 30_000))
    inbox.add(message(1000))
    inbox.add(message(7))
    topics = [one.topic for one in inbox.take()]
    assert topics[:2] == [message(1000).topic, message(7).topic]
    assert len(topics) > 10, "the backlogs go on"


def test_backlogs_keep_a_part_of_each_transaction_while_small_messages_flood_the_centre() -> None:
    inbox = FairInbox()
    for device in range(3000):
        inbox.add(message(device, LARGE_BYTES))
        inbox.add(message(device, 30_000))
    taken = inbox.take()
    large = sum(len(one.payload) for one in taken if len(one.payload) > LARGE_BYTES)
    assert LARGE_SHARE * BATCH_BYTES <= large <= LARGE_SHARE * BATCH_BYTES + 30_000
    assert sum(len(one.payload) for one in taken) <= BATCH_BYTES + 30_000 + LARGE_BYTES


def test_a_transaction_has_as_much_of_the_backlogs_as_the_centre_can_store_in_good_time() -> None:
    inbox = FairInbox()
    inbox.large_bytes = 100_000
    for device in range(100):
        inbox.add(message(device, 30_000))
    assert len(inbox.take()) == 4
    inbox.large_bytes = 1
    assert len(inbox.take()) == 1, "one message at least"
    assert len(inbox) == 95


def test_the_next_transactions_have_what_fits_into_the_time_of_a_commit() -> None:
    inbox = FairInbox()
    messages = [message(device, 30_000) for device in range(10)]
    for commit_s, fitting in (
        (2 * COMMIT_S, 150_000),
        (1e-6, MOST_LARGE_BYTES),
        (1e6, LEAST_LARGE_BYTES),
        (COMMIT_S, 300_000),
    ):
        inbox.on_committed(messages, commit_s)
        assert inbox.large_bytes == fitting
    inbox.on_committed([message(1)], 10.0)
    assert inbox.large_bytes == 300_000, "a few bytes say nothing"


def test_of_a_device_that_sends_without_end_only_so_many_messages_wait_while_another_one_sends() -> None:
    inbox = FairInbox()
    inbox.add(message(2))
    flood = [message(1) for _ in range(3 * MAX_DEVICE_MESSAGES)]
    for one in flood:
        inbox.add(one)
    assert len(inbox) == MAX_DEVICE_MESSAGES + 1
    assert inbox.take_dropped() == {"entrance/v1/dong-ba/gate-1": 2 * MAX_DEVICE_MESSAGES}
    assert not inbox.take_dropped()
    late = message(2)
    inbox.add(late)
    acknowledged: list[IncomingMessage] = []
    while inbox:
        acknowledged += inbox.finish(inbox.take())
    assert len(acknowledged) == len(flood) + 2, "what was dropped is acknowledged too"
    assert acknowledged[1:-1] == flood
    assert acknowledged[-1] is late
    inbox.add(message(1))
    assert len(inbox) == 1, "it may send again"


def test_the_size_of_what_waits_is_limited_too_and_a_device_alone_is_not_limited() -> None:
    inbox, alone = FairInbox(), FairInbox()
    inbox.add(message(2))
    for number in range(100):
        inbox.add(message(1, 256_000))
        alone.add(message(1, 256_000))
        assert alone.is_full == (number * 256_000 + 256_000 >= MAX_BYTES)
    assert len(inbox) == 1 + -(-MAX_DEVICE_BYTES // 256_000)
    assert len(alone) == 100
    while alone:
        alone.finish(alone.take())
    assert not alone.is_full
