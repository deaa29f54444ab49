"""Tests of the fleet simulator's MQTT packets, for any content and any way in which TCP cuts them."""

from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fleet.kiosk import codec
from tests.fleet.kiosk.codec import Connack, Login, MalformedPacketError, PacketBuffer, PacketType, Publish, Will

MIDS = st.integers(1, 65535)
PUBLISHES = st.builds(
    Publish, topic=st.binary(min_size=1, max_size=300), payload=st.binary(max_size=400), mid=st.none() | MIDS, retain=st.booleans()
)  # fmt: skip
PARSERS: dict[str, Callable[[bytes], object]] = {
    "connack": codec.parse_connack,
    "publish": lambda body: codec.parse_publish(0x32, body),
    "puback": codec.parse_puback,
    "suback": codec.parse_suback,
    "stream": lambda body: PacketBuffer().feed(body),
}


@st.composite
def cut_streams(draw: st.DrawFn) -> tuple[list[Publish], bool, list[bytes]]:
    """Messages, the version, and their packets in pieces of any size."""
    messages, is_mqtt5 = draw(st.lists(PUBLISHES, max_size=6)), draw(st.booleans())
    stream = b"".join(codec.publish_packet(message, is_mqtt5=is_mqtt5) for message in messages)
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    edges = [0, *cuts, len(stream)]
    return messages, is_mqtt5, [stream[first:last] for first, last in pairwise(edges)]


@given(cut_streams())
def test_messages_are_read_as_they_were_written_however_the_stream_is_cut(
    sent: tuple[list[Publish], bool, list[bytes]],
) -> None:
    messages, is_mqtt5, pieces = sent
    buffer = PacketBuffer()
    packets = [packet for piece in pieces for packet in buffer.feed(piece)]
    assert [first >> 4 for first, _ in packets] == [PacketType.PUBLISH] * len(messages)
    assert [codec.parse_publish(first, body, is_mqtt5=is_mqtt5) for first, body in packets] == messages


@given(st.sampled_from(sorted(PARSERS)), st.binary(max_size=60))
def test_bytes_that_are_no_packet_raise_only_malformed_packet_error(parser: str, body: bytes) -> None:
    with suppress(MalformedPacketError):
        PARSERS[parser](body)


@given(MIDS, st.binary(max_size=3))
def test_a_puback_has_its_message_id_and_reason(mid: int, rest: bytes) -> None:
    assert codec.parse_puback(mid.to_bytes(2, "big") + rest) == (mid, rest[0] if rest else 0)
    assert PacketBuffer().feed(codec.puback_packet(mid)) == [(PacketType.PUBACK << 4, mid.to_bytes(2, "big"))]


@given(st.integers(0, codec.MAX_REMAINING_LENGTH))
def test_a_length_is_read_as_it_was_written(length: int) -> None:
    written = codec._length(length)
    assert codec._read_length(written, 0) == (length, len(written))
    assert all(codec._read_length(written[:cut], 0) == (0, 0) for cut in range(len(written)))


def test_a_length_of_more_than_four_bytes_is_malformed() -> None:
    with pytest.raises(MalformedPacketError):
        PacketBuffer().feed(b"\x30\xff\xff\xff\xff\x01")


def test_the_answer_of_a_broker_says_what_it_offers() -> None:
    # 3.2.2.3: Receive Maximum 20, Maximum QoS 1, no retained messages, maximum packet 300,000, no shared
    # subscriptions, a reason string, a user property, a session expiry of 60 s
    properties = bytes.fromhex("21 0014 24 01 25 00 27 000493e0 2a 00 1f 0002 6f6b 26 0001 61 0001 62 11 0000003c")
    answer = codec.parse_connack(b"\x01\x00" + bytes((len(properties),)) + properties)
    assert answer == Connack(
        0, session_present=True, receive_maximum=20, maximum_packet_bytes=300_000, maximum_qos=1, retain=False,
        wildcard_subscriptions=True, shared_subscriptions=False,
    )  # fmt: skip


def test_an_answer_of_mqtt_3_1_1_has_no_properties() -> None:
    assert codec.parse_connack(b"\x00\x05", is_mqtt5=False) == Connack(5)


def test_connect_is_written_as_the_standard_says() -> None:
    login = Login("s/g", "user", b"pw", session_expiry_s=60, maximum_packet_bytes=1000)
    packet = codec.connect_packet(login, keepalive_s=20, will=Will(b"t", b"w"))
    # flags: user name, password, will retained, will QoS 1, will; no clean start, because the session is kept
    assert packet == bytes.fromhex(
        "10 2b 0004 4d515454 05 ec 0014 0a 11 0000003c 27 000003e8 0003 732f67 00 0001 74 0001 77 0004 75736572 0002 7077"
    )


def test_connect_of_3_1_1_has_no_properties_and_starts_clean() -> None:
    assert codec.connect_packet(Login("c"), keepalive_s=20, is_mqtt5=False) == bytes.fromhex(
        "10 0d 0004 4d515454 04 02 0014 0001 63"
    )


def test_a_topic_that_no_packet_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than a field"):
        codec.publish_packet(Publish(b"t" * 65536, b""))
