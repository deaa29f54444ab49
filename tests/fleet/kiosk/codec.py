"""MQTT packets of the fleet simulator: what clients write, and what brokers answer. Versions 5 and 3.1.1, QoS 0 and 1.

The product uses paho. One process with ten thousand connections needs less memory and processor time for each of them.
Section numbers are those of the OASIS standard MQTT 5.0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

MAX_REMAINING_LENGTH = 268_435_455  # section 1.5.5
DISCONNECT = b"\xe0\x00"
PINGREQ = b"\xc0\x00"
_CLEAN_START, _WILL, _WILL_RETAIN, _WILL_QOS_1, _PASSWORD, _USER_NAME = 0x02, 0x04, 0x20, 0x08, 0x40, 0x80
_SESSION_EXPIRY, _MAXIMUM_PACKET_SIZE, _RECEIVE_MAXIMUM, _MAXIMUM_QOS = 0x11, 0x27, 0x21, 0x24
_RETAIN_AVAILABLE, _WILDCARDS_AVAILABLE, _SHARED_AVAILABLE = 0x25, 0x28, 0x2A
_VARIABLE_INTEGER, _TEXT, _TEXT_PAIR = "variable", "text", "pair"
_PROPERTY_SIZES: dict[int, int | str] = {  # section 2.2.2.2: bytes of a fixed size, or how the value is written
    0x01: 1, 0x02: 4, 0x03: _TEXT, 0x08: _TEXT, 0x09: _TEXT, 0x0B: _VARIABLE_INTEGER, 0x11: 4, 0x12: _TEXT, 0x13: 2,
    0x15: _TEXT, 0x16: _TEXT, 0x17: 1, 0x18: 4, 0x19: 1, 0x1A: _TEXT, 0x1C: _TEXT, 0x1F: _TEXT, 0x21: 2, 0x22: 2,
    0x23: 2, 0x24: 1, 0x25: 1, 0x26: _TEXT_PAIR, 0x27: 4, 0x28: 1, 0x29: 1, 0x2A: 1,
}  # fmt: skip


class PacketType(IntEnum):
    """The high four bits of the first byte (section 2.1.2)."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    SUBSCRIBE = 8
    SUBACK = 9
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


class MalformedPacketError(ValueError):
    """The bytes are no MQTT packet. The connection must be closed (section 4.13)."""


@dataclass(frozen=True, slots=True)
class Will:
    """The message that the broker sends when the connection is lost. QoS 1."""

    topic: bytes
    payload: bytes
    retain: bool = True


@dataclass(frozen=True, slots=True)
class Login:
    """What a client says of itself in CONNECT."""

    client_id: str
    user_name: str | None = None
    password: bytes | None = None
    session_expiry_s: int = 0
    """0: the session ends with the connection. MQTT 3.1.1 knows only 0 and for ever."""
    maximum_packet_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Connack:
    """The broker's answer to CONNECT. `code` 0: accepted."""

    code: int
    session_present: bool = False
    receive_maximum: int = 65535
    maximum_packet_bytes: int | None = None
    maximum_qos: int = 2
    retain: bool = True
    wildcard_subscriptions: bool = True
    shared_subscriptions: bool = True


@dataclass(frozen=True, slots=True)
class Publish:
    """A message to or from the broker. `mid` is None for QoS 0."""

    topic: bytes
    payload: bytes
    mid: int | None = None
    retain: bool = False


def connect_packet(login: Login, *, keepalive_s: int, will: Will | None = None, is_mqtt5: bool = True) -> bytes:
    """CONNECT (section 3.1). A clean start where the session ends with the connection."""
    flags = 0 if login.session_expiry_s else _CLEAN_START
    payload = _text(login.client_id.encode())
    if will is not None:
        flags |= _WILL | _WILL_QOS_1 | (_WILL_RETAIN if will.retain else 0)
        payload += (b"\x00" if is_mqtt5 else b"") + _text(will.topic) + _text(will.payload)
    if login.user_name is not None:
        flags |= _USER_NAME
        payload += _text(login.user_name.encode())
    if login.password is not None:
        flags |= _PASSWORD
        payload += _text(login.password)
    head = b"\x00\x04MQTT" + bytes((5 if is_mqtt5 else 4, flags)) + keepalive_s.to_bytes(2, "big")
    if is_mqtt5:
        properties = b""
        if login.session_expiry_s:
            properties += bytes((_SESSION_EXPIRY,)) + login.session_expiry_s.to_bytes(4, "big")
        if login.maximum_packet_bytes is not None:
            properties += bytes((_MAXIMUM_PACKET_SIZE,)) + login.maximum_packet_bytes.to_bytes(4, "big")
        head += _length(len(properties)) + properties
    return _packet(PacketType.CONNECT << 4, head + payload)


def subscribe_packet(mid: int, filters: Sequence[bytes], *, is_mqtt5: bool = True) -> bytes:
    """SUBSCRIBE with QoS 1 (section 3.8)."""
    asked = b"".join(_text(one) + b"\x01" for one in filters)
    return _packet(PacketType.SUBSCRIBE << 4 | 0x02, mid.to_bytes(2, "big") + (b"\x00" if is_mqtt5 else b"") + asked)


def publish_packet(message: Publish, *, is_mqtt5: bool = True, properties: bytes = b"") -> bytes:
    """PUBLISH (section 3.3) with QoS 1 where it has a message id."""
    head = _text(message.topic)
    flags = int(message.retain)
    if message.mid is not None:
        flags |= 0x02
        head += message.mid.to_bytes(2, "big")
    if is_mqtt5:
        head += _length(len(properties)) + properties
    return b"".join(
        (bytes((PacketType.PUBLISH << 4 | flags,)), _length(len(head) + len(message.payload)), head, message.payload)
    )


def puback_packet(mid: int) -> bytes:
    """PUBACK, accepted (section 3.4)."""
    return bytes((PacketType.PUBACK << 4, 2, mid >> 8, mid & 0xFF))


class PacketBuffer:
    """Cuts a stream of bytes into packets. One for each connection."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, received: bytes) -> list[tuple[int, bytes]]:
        """The packets that are complete now: first byte and body. Raises MalformedPacketError."""
        stream = self._rest + received if self._rest else received
        packets = []
        start, end = 0, len(stream)
        while end - start >= 2:
            length, body = _read_length(stream, start + 1)
            if body == 0 or body + length > end:
                break
            packets.append((stream[start], stream[body : body + length]))
            start = body + length
        self._rest = stream[start:]
        return packets


def parse_connack(body: bytes, *, is_mqtt5: bool = True) -> Connack:
    """Section 3.2. Raises MalformedPacketError."""
    if len(body) < 2:
        raise MalformedPacketError("CONNACK")
    properties = _read_properties(body, 2)[0] if is_mqtt5 and len(body) > 2 else {}
    return Connack(
        code=body[1],
        session_present=bool(body[0] & 1),
        receive_maximum=properties.get(_RECEIVE_MAXIMUM, 65535),
        maximum_packet_bytes=properties.get(_MAXIMUM_PACKET_SIZE),
        maximum_qos=properties.get(_MAXIMUM_QOS, 2),
        retain=bool(properties.get(_RETAIN_AVAILABLE, 1)),
        wildcard_subscriptions=bool(properties.get(_WILDCARDS_AVAILABLE, 1)),
        shared_subscriptions=bool(properties.get(_SHARED_AVAILABLE, 1)),
    )


def parse_publish(first_byte: int, body: bytes, *, is_mqtt5: bool = True) -> Publish:
    """Section 3.3. Raises MalformedPacketError."""
    topic, place = _read_text(body, 0)
    mid = None
    if first_byte & 0x06:
        mid, place = _read_number(body, place, 2)
    if is_mqtt5:
        length, place = _read_length(body, place)
        place += length
        if not place or place > len(body):
            raise MalformedPacketError("properties of PUBLISH")
    return Publish(topic, body[place:], mid, bool(first_byte & 1))


def parse_puback(body: bytes) -> tuple[int, int]:
    """Message id and reason code (section 3.4). Raises MalformedPacketError."""
    mid, _ = _read_number(body, 0, 2)
    return mid, body[2] if len(body) > 2 else 0


def parse_suback(body: bytes, *, is_mqtt5: bool = True) -> tuple[int, bytes]:
    """Message id and one reason code for each filter (section 3.9). Codes from 0x80 on are refusals."""
    mid, place = _read_number(body, 0, 2)
    if is_mqtt5:
        _, place = _read_properties(body, place)
    return mid, body[place:]


def _packet(first_byte: int, body: bytes) -> bytes:
    return bytes((first_byte,)) + _length(len(body)) + body


def _text(text: bytes) -> bytes:
    if len(text) > 65535:
        raise ValueError("longer than a field of MQTT may be")
    return len(text).to_bytes(2, "big") + text


def _length(number: int) -> bytes:
    """A variable byte integer (section 1.5.5)."""
    if number < 128:
        return bytes((number,))
    if number > MAX_REMAINING_LENGTH:
        raise ValueError("longer than a packet of MQTT may be")
    found = bytearray()
    while number:
        number, low = divmod(number, 128)
        found.append(low | (0x80 if number else 0))
    return bytes(found)


def _read_length(stream: bytes, place: int) -> tuple[int, int]:
    """A variable byte integer and the place after it. Place 0: it is not complete. Raises MalformedPacketError."""
    number = 0
    for shift, at in enumerate(range(place, min(place + 4, len(stream)))):
        number |= (stream[at] & 0x7F) << (7 * shift)
        if stream[at] < 0x80:
            return number, at + 1
    if len(stream) - place >= 4:
        raise MalformedPacketError("length")
    return 0, 0


def _read_number(body: bytes, place: int, size: int) -> tuple[int, int]:
    if place + size > len(body):
        raise MalformedPacketError("cut short")
    return int.from_bytes(body[place : place + size], "big"), place + size


def _read_text(body: bytes, place: int) -> tuple[bytes, int]:
    length, place = _read_number(body, place, 2)
    if place + length > len(body):
        raise MalformedPacketError("cut short")
    return body[place : place + length], place + length


def _read_properties(body: bytes, place: int) -> tuple[dict[int, int], int]:
    """Numbers by the property's id, and the place after all properties. Texts are skipped."""
    length, place = _read_length(body, place)
    end = place + length
    if not place or end > len(body):
        raise MalformedPacketError("properties")
    found: dict[int, int] = {}
    while place < end:
        name, size = body[place], _PROPERTY_SIZES.get(body[place])
        place += 1
        if isinstance(size, int):
            found[name], place = _read_number(body, place, size)
        elif size == _VARIABLE_INTEGER:
            found[name], place = _read_length(body, place)
        elif size in (_TEXT, _TEXT_PAIR):
            for _ in range(2 if size == _TEXT_PAIR else 1):
                _, place = _read_text(body, place)
        else:
            raise MalformedPacketError(f"property {name}")
        if not place or place > end:
            raise MalformedPacketError("properties")
    return found, place
