"""The fast path beside paho: for any fragmentation of the stream, no byte is lost or reordered."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mqtt.connection import (
    Acknowledged,
    BrokerUnreachableError,
    Connected,
    ConnectionEvent,
    IncomingMessage,
    OutgoingMessage,
    Subscribed,
)
from mqtt.paho.connection import MESSAGE_ID_RANGE, PahoConnection
from mqtt.paho.fast_path import FLUSH_BYTES, MAX_HELD_BYTES, MAX_UNSENT_BYTES, BatchingSocket
from mqtt.paho.packets import publish_packet
from tests.fakes.processes.broker import Broker

TOPIC = "entrance/v1/dong-ba/gate-1/event"


class Pieces:
    """A socket that receives its stream in these pieces, and accepts at most `room` bytes."""

    def __init__(self, pieces: list[bytes] | None = None, room: int = 1 << 30) -> None:
        self.pieces = pieces or []
        self.room = room
        self.taken = bytearray()
        self.closed = False

    def recv(self, size: int) -> bytes:
        if not self.pieces:
            raise BlockingIOError
        first = self.pieces.pop(0)
        if len(first) > size:
            self.pieces.insert(0, first[size:])
        return first[:size]

    def send(self, data: bytes) -> int:
        if self.room == 0:
            raise BlockingIOError
        count = min(len(data), self.room)
        self.room -= count
        self.taken += data[:count]
        return count

    def close(self) -> None:
        self.closed = True


def on(network: Pieces, *, is_mqtt5: bool = True, max_publish_bytes: int = 1 << 20) -> BatchingSocket:
    return BatchingSocket(
        network,  # type: ignore[arg-type] # it is asked for these three methods only
        is_mqtt5=is_mqtt5,
        max_publish_bytes=max_publish_bytes,
    )


def cut_into_pieces(stream: bytes, cuts: list[int]) -> Pieces:
    pieces = []
    for cut in cuts:
        pieces.append(stream[:cut])
        stream = stream[cut:]
    return Pieces([piece for piece in [*pieces, stream] if piece])


def all_for_paho(batching: BatchingSocket, size: int) -> bytes:
    found = b""
    while True:
        try:
            found += batching.recv(size)
        except BlockingIOError:
            return found


mids = st.integers(1, 65535)
pubacks = st.one_of(
    mids.map(lambda mid: (b"\x40\x02" + mid.to_bytes(2), (mid, 0))),
    st.tuples(mids, st.sampled_from([0, 0x10, 0x87, 0x99])).map(
        lambda pair: (b"\x40\x03" + pair[0].to_bytes(2) + bytes([pair[1]]), pair)
    ),
    st.tuples(mids, st.sampled_from([0, 0x87])).map(
        lambda pair: (b"\x40\x04" + pair[0].to_bytes(2) + bytes([pair[1], 0]), pair)
    ),
)
others = st.one_of(
    st.just(b"\xd0\x00"),
    st.tuples(st.sampled_from([0x20, 0x34, 0x90, 0xE0]), st.binary(max_size=300)).map(
        lambda pair: bytes([pair[0]]) + varying(len(pair[1])) + pair[1]
    ),
)


def varying(length: int) -> bytes:
    return bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])


messages = st.builds(
    IncomingMessage,
    topic=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    payload=st.binary(max_size=400),
    qos=st.sampled_from([0, 1]),
    retain=st.booleans(),
    token=mids,
)


def packet_of(message: IncomingMessage, properties: bytes | None) -> bytes:
    """As the standard has it (section 3.3). `properties`: None for MQTT 3.1.1."""
    name = message.topic.encode()
    content = len(name).to_bytes(2) + name + (message.token.to_bytes(2) if message.qos else b"")
    content += b"" if properties is None else varying(len(properties)) + properties
    content += message.payload
    return bytes([0x30 | message.qos << 1 | message.retain]) + varying(len(content)) + content


def as_received(message: IncomingMessage) -> IncomingMessage:
    return message if message.qos else replace(message, token=0)


@given(
    st.lists(
        st.one_of(
            pubacks.map(lambda pair: ("puback", *pair)),
            others.map(lambda packet: ("other", packet, None)),
            messages.map(lambda one: ("message", one, None)),
        ),
        max_size=40,
    ),
    st.lists(st.integers(1, 40), max_size=60),
    st.integers(1, 64),
    st.one_of(st.none(), st.binary(max_size=200)),
)
def test_messages_and_pubacks_are_taken_out_and_all_other_bytes_reach_paho_unchanged(
    packets: list[tuple[str, Any, Any]], cuts: list[int], size: int, properties: bytes | None
) -> None:
    stream = b"".join(packet_of(one, properties) if kind == "message" else one for kind, one, _ in packets)
    batching = on(cut_into_pieces(stream, cuts), is_mqtt5=properties is not None)
    assert all_for_paho(batching, size) == b"".join(one for kind, one, _ in packets if kind == "other")
    assert batching.take_pubacks() == [answer for kind, _, answer in packets if kind == "puback"]
    assert batching.take_messages() == [as_received(one) for kind, one, _ in packets if kind == "message"]
    assert not batching.take_pubacks()
    assert not batching.take_messages()
    assert batching.exhausted


@given(st.lists(messages, max_size=8), st.lists(st.integers(1, 40), max_size=60), st.integers(1, 64), st.booleans())
def test_a_message_that_is_too_large_comes_without_its_payload_and_all_others_are_whole(
    sent: list[IncomingMessage], cuts: list[int], size: int, is_mqtt5: bool
) -> None:
    limit, stream, expected = 100, b"", []
    for message in sent:
        whole = packet_of(message, b"" if is_mqtt5 else None)
        is_too_large = len(whole) - 1 - (1 if len(whole) < 130 else 2) > limit
        stream += whole + b"\xd0\x00" + b"\x40\x02\x00\x07"
        expected.append(replace(as_received(message), payload=b"") if is_too_large else as_received(message))
    batching = on(cut_into_pieces(stream, cuts), is_mqtt5=is_mqtt5, max_publish_bytes=limit)
    assert all_for_paho(batching, size) == b"\xd0\x00" * len(sent)
    assert batching.take_messages() == expected
    assert batching.take_pubacks() == [(7, 0)] * len(sent)


def test_a_broker_that_sends_without_end_is_read_until_the_messages_are_taken() -> None:
    packet = packet_of(IncomingMessage(TOPIC, bytes(1000), 1, False, 5), b"")
    network = Pieces([packet * 50] * 20)
    batching = on(network)
    found = []
    while True:
        assert all_for_paho(batching, 1) == b""
        taken = batching.take_messages()
        assert len(taken) <= MAX_HELD_BYTES / 1000 + 65
        found += taken
        if batching.exhausted:
            break
    assert len(found) == 1000


@pytest.mark.parametrize(
    "packet",
    [
        b"\x30\x00",
        b"\x30\x02\x00\x05",
        b"\x32\x04\x00\x01a\x00",
        b"\x32\x05\x00\x01a\x00\x01",
        b"\x30\x04\x00\x01a\x09",
        b"\x30\x08\x00\x01a\xff\xff\xff\xff\x01",
    ],
    ids=["empty", "topic", "id", "no properties", "properties", "length of properties"],
)
def test_a_message_that_ends_too_early_ends_the_connection(packet: bytes) -> None:
    with pytest.raises(OSError, match="no MQTT"):
        on(Pieces([packet])).recv(1)


def test_a_topic_that_is_not_utf_8_is_no_topic() -> None:
    batching = on(Pieces([b"\x30\x05\x00\x01\xff\x00x"]))
    assert all_for_paho(batching, 1) == b""
    assert batching.take_messages() == [IncomingMessage("", b"x", 0, False, 0)]


@given(st.binary(max_size=200), st.lists(st.integers(1, 50), max_size=20))
def test_any_bytes_at_most_break_the_connection(junk: bytes, cuts: list[int]) -> None:
    batching = on(Pieces([junk[at : at + 7] for at in range(0, len(junk), 7)]))
    try:
        got = all_for_paho(batching, 16)
    except OSError:
        return
    assert len(got) + sum(len(one.payload) for one in batching.take_messages()) <= len(junk)


def test_a_length_of_five_bytes_is_invalid() -> None:
    with pytest.raises(OSError, match="no MQTT"):
        on(Pieces([b"\x20\xff\xff\xff\xff\x01"])).recv(1)
    with pytest.raises(OSError, match="no MQTT"):
        on(Pieces([b"\x40\x01\x01"])).recv(1)


def test_the_end_of_the_stream_reaches_paho() -> None:
    batching = on(Pieces([b""]))
    assert batching.recv(1) == b""


@given(
    st.text(max_size=40),
    st.binary(max_size=20_000),
    mids,
    st.booleans(),
    st.sampled_from([b"", b"\x00", b"\x03\x03\x00\x00"]),
)
def test_a_publish_packet_has_the_layout_of_the_standard(
    topic: str, payload: bytes, mid: int, retain: bool, properties: bytes
) -> None:
    packet = publish_packet(topic, payload, mid, retain=retain, properties=properties)
    assert packet[0] == 0x32 | retain
    length = shift = 0
    place = 1
    while True:
        length |= (packet[place] & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if packet[place - 1] < 0x80:
            break
    assert place + length == len(packet)
    name = topic.encode()
    assert packet[place:] == len(name).to_bytes(2) + name + mid.to_bytes(2) + properties + payload


def test_unsent_bytes_wait_and_are_sent_in_order() -> None:
    network = Pieces(room=10)
    batching = on(network)
    batching.queue_packet(b"a" * 8)
    batching.queue_packet(b"b" * 8)
    assert not network.taken, "small packets are collected first"
    batching.flush()
    assert (bytes(network.taken), batching.unsent_bytes()) == (b"a" * 8 + b"b" * 2, 6)
    network.room = 100
    batching.close()
    assert bytes(network.taken) == b"a" * 8 + b"b" * 8
    assert network.closed


def test_a_full_buffer_is_sent_without_a_flush_and_a_blocked_network_blocks_paho() -> None:
    network = Pieces()
    batching = on(network)
    batching.queue_packet(bytes(FLUSH_BYTES))
    assert len(network.taken) == FLUSH_BYTES
    network.room = 0
    batching.queue_packet(bytes(MAX_UNSENT_BYTES))
    with pytest.raises(BlockingIOError):
        batching.send(b"ping")
    network.room = MAX_UNSENT_BYTES
    assert batching.send(b"ping") == 4


def test_a_lost_connection_can_still_be_closed() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    batching = BatchingSocket(ours, is_mqtt5=True)
    theirs.close()
    batching.queue_packet(b"x")
    batching.close()
    assert batching.fileno() == -1


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker("allow_anonymous true\nmax_queued_messages 10000") as running:
        yield running


def until(link: PahoConnection, kind: type[ConnectionEvent], count: int = 1) -> list[ConnectionEvent]:
    found: list[ConnectionEvent] = []
    for _ in range(200):
        found += [event for event in link.process(0.1) if isinstance(event, kind)]
        if len(found) >= count:
            return found
    raise AssertionError(f"{len(found)} of {count} {kind.__name__}")


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_thousands_of_messages_in_both_directions_arrive_complete_and_in_order(broker: Broker, version: str) -> None:
    subscriber, publisher = (PahoConnection(broker.endpoint(version), name) for name in ("subscriber", "publisher"))
    for link in (subscriber, publisher):
        link.open()
        until(link, Connected)
    subscriber.subscribe([TOPIC])
    until(subscriber, Subscribed)
    payloads = [str(number).encode() * (1 + number % 300) for number in range(3000)]
    received: list[bytes] = []

    def listen() -> None:
        ends_s = time.monotonic() + 30
        while len(received) < len(payloads) and time.monotonic() < ends_s:
            for event in subscriber.process(0.05):
                if isinstance(event, IncomingMessage):
                    received.append(event.payload)
                    subscriber.acknowledge(event)

    listener = threading.Thread(target=listen)
    listener.start()
    tokens = []
    answered: list[int] = []
    for payload in payloads:
        tokens.append(publisher.publish(OutgoingMessage(TOPIC, payload, content_type="text/plain")))
        if len(tokens) % 500 == 0:
            answered += [event.token for event in until(publisher, Acknowledged) if isinstance(event, Acknowledged)]
    left = len(tokens) - len(answered)
    answered += [event.token for event in until(publisher, Acknowledged, left) if isinstance(event, Acknowledged)]
    listener.join(60)
    assert answered == tokens
    assert received == payloads
    assert publisher.unacknowledged_count() == 0
    for link in (subscriber, publisher):
        link.close()


def test_message_ids_wrap_around_and_skip_those_in_use(broker: Broker) -> None:
    link = PahoConnection(broker.endpoint(), "round")
    link.open()
    until(link, Connected)
    link._mid = MESSAGE_ID_RANGE[1] - 1
    tokens = [link.publish(OutgoingMessage(TOPIC, b"x")) for _ in range(3)]
    assert tokens == [MESSAGE_ID_RANGE[1], MESSAGE_ID_RANGE[0], MESSAGE_ID_RANGE[0] + 1]
    link._mid = MESSAGE_ID_RANGE[1] - 1
    assert link.publish(OutgoingMessage(TOPIC, b"x")) == MESSAGE_ID_RANGE[0] + 2, (
        "the others still wait for their PUBACK"
    )
    until(link, Acknowledged, 4)
    link.close()


def test_without_acknowledgements_the_message_ids_run_out_with_an_error() -> None:
    link = PahoConnection(Broker().endpoint(), "full")
    link._unacknowledged = set(range(MESSAGE_ID_RANGE[0], MESSAGE_ID_RANGE[1] + 1))
    with pytest.raises(BrokerUnreachableError, match="64512 messages wait"):
        link._next_mid()
