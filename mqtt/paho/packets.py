"""The MQTT packets that do not pass through paho: PUBLISH and PUBACK, from and to bytes. Pure.

Sections are of MQTT 5. What cannot be a packet raises ConnectionError: nothing behind it in the stream can be understood.
"""

from collections.abc import Iterator

from mqtt.connection import IncomingMessage

PUBLISH, PUBLISH_QOS_1, RETAIN = 0x30, 0x32, 0x01  # section 3.3.1
PUBACK = 0x40  # section 3.4.1
MAX_LENGTH_BYTES = 4
"""Bytes of a packet's length, section 1.5.5."""


def publish_packet(topic: str, payload: bytes, mid: int, *, retain: bool, properties: bytes) -> bytes:
    """PUBLISH with QoS 1. `properties` contain their length, and are empty for 3.1.1 (section 3.3.2)."""
    name = topic.encode()
    length = 4 + len(name) + len(properties) + len(payload)
    head = bytes((PUBLISH_QOS_1 | (RETAIN if retain else 0), *_length_bytes(length)))
    return b"".join((head, len(name).to_bytes(2), name, mid.to_bytes(2), properties, payload))


def puback_packet(mid: int) -> bytes:
    """PUBACK of success, the same in all versions (section 3.4.2.1)."""
    return b"\x40\x02" + mid.to_bytes(2)


def parse_header(received: bytes, offset: int) -> tuple[int, int] | None:
    """Offset and length of the packet's content. None where the header is incomplete. Raises ConnectionError."""
    length = 0
    for step in range(MAX_LENGTH_BYTES):
        if offset + 1 + step >= len(received):
            return None
        byte = received[offset + 1 + step]
        length |= (byte & 0x7F) << 7 * step
        if byte < 0x80:
            return offset + 2 + step, length
    raise _no_mqtt()


def is_simple_publish(head: int) -> bool:
    """Whether the first byte of a packet is that of a PUBLISH with QoS 0 or 1."""
    return head & 0xF0 == PUBLISH and head & 0x06 in {0, 2}


def parse_publish(received: bytes, head: int, content: int, end: int, *, is_mqtt5: bool) -> IncomingMessage:
    """The PUBLISH whose content begins and ends at these offsets. A topic that is not UTF-8 is "". Raises ConnectionError.

    No property changes a message: this client asks for no topic alias, and has no subscription identifier.
    """
    place = content + 2 + int.from_bytes(received[content : content + 2])
    topic, mid = received[content + 2 : place], 0
    if head & 0x06:
        mid = int.from_bytes(received[place : place + 2])
        place += 2
    if is_mqtt5:
        properties = parse_header(received[place - 1 : min(end, place + MAX_LENGTH_BYTES)], 0)
        if properties is None:
            raise _no_mqtt()
        place += sum(properties) - 1
    if place > end:
        raise _no_mqtt()
    return _message(topic, received[place:end], head, mid)


def parse_publish_head(received: bytes, head: int, content: int) -> IncomingMessage | None:
    """The PUBLISH whose content begins at this offset, without its payload. None where topic and id are not received yet."""
    place = content + 2 + int.from_bytes(received[content : content + 2])
    end = place + (2 if head & 0x06 else 0)
    if len(received) < max(end, content + 2):
        return None
    return _message(received[content + 2 : place], b"", head, int.from_bytes(received[place:end]))


def parse_puback(content: bytes) -> tuple[int, int]:
    """Message id and reason code (0 where it is left out, section 3.4.2.1). Raises ConnectionError."""
    if len(content) < 2:
        raise _no_mqtt()
    return int.from_bytes(content[:2]), content[2] if len(content) > 2 else 0


def _message(topic: bytes, payload: bytes, head: int, mid: int) -> IncomingMessage:
    try:
        name = topic.decode()
    except UnicodeDecodeError:
        name = ""
    return IncomingMessage(name, payload, head >> 1 & 3, bool(head & RETAIN), mid)


def _length_bytes(length: int) -> Iterator[int]:
    """Seven bits in each byte, the lowest first (section 1.5.5)."""
    while length > 0x7F:
        yield length & 0x7F | 0x80
        length >>= 7
    yield length


def _no_mqtt() -> ConnectionError:
    return ConnectionError("the broker sends no MQTT")
