"""Tests of what a device takes as a configuration of its centre: nothing forged, repeated, late, early, or of another device."""

import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from mqtt.message_model import InvalidMessageError
from mqtt.remote.command_guard import CommandRefusal, RefusalCode
from mqtt.remote.configuration import ConfigurationReport, DesiredMessage, canonical_bytes, values_sha256
from mqtt.remote.desired_guard import DesiredGuard
from mqtt.remote.signature import OrderUse, sign_order
from tests.fakes.data import wire_schema
from tests.fakes.parts.commands import AT, FLEET_KEY, OLD_SESSION, OTHER_KEY, SESSION, a_command, signed
from tests.unit.mqtt.remote.test_command_guard import ATTACKS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}\.[a-z][a-z0-9_]{0,8}", fullmatch=True)


def a_configuration(**changed: Any) -> DesiredMessage:
    fields: dict[str, Any] = {
        "device": "dong-ba/gate-1",
        "session": SESSION,
        "counter": 1,
        "issued_at": AT - timedelta(seconds=1),
        "expires_at": AT + timedelta(seconds=60),
        "values": {"access.capacity": 40},
        "origins": {"access.capacity": "city"},
        "changed_by": "an",
        "reason": "the market is small",
    }
    return DesiredMessage(**(fields | changed))


def signed_configuration(
    message: DesiredMessage, key: Ed25519PrivateKey = FLEET_KEY, use: OrderUse = OrderUse.CONFIGURATION
) -> bytes:
    return sign_order(key, use, message.to_payload())


def a_guard(highest: int = 0) -> DesiredGuard:
    return DesiredGuard("dong-ba/gate-1", [FLEET_KEY.public_key()], highest)


def check(data: bytes, now: datetime | None = AT, session: str | None = SESSION, highest: int = 0) -> object:
    found = a_guard(highest).check(data, session, now)
    return found.code if isinstance(found, CommandRefusal) else found


def test_what_the_fleet_key_signed_for_this_connection_is_taken_once_and_matches_its_schema() -> None:
    guard, message = a_guard(), a_configuration()
    wire_schema.validator("desired").validate(message.model_dump(mode="json"))
    data = signed_configuration(message)
    assert guard.check(data, SESSION, AT) == message
    assert guard.check(data, SESSION, AT) == CommandRefusal(RefusalCode.REPLAYED)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (signed_configuration(a_configuration(), OTHER_KEY), RefusalCode.FORGED),
        (signed_configuration(a_configuration(), use=OrderUse.COMMAND), RefusalCode.FORGED),
        (signed(a_command()), RefusalCode.FORGED),
        (signed_configuration(a_configuration(device="dong-ba/gate-2")), RefusalCode.OTHER_DEVICE),
        (signed_configuration(a_configuration(session=OLD_SESSION)), RefusalCode.OTHER_SESSION),
        (signed_configuration(a_configuration(expires_at=AT)), RefusalCode.EXPIRED),
        (
            signed_configuration(
                a_configuration(issued_at=AT + timedelta(minutes=6), expires_at=AT + timedelta(minutes=9))
            ),
            RefusalCode.NOT_YET,
        ),
        (signed_configuration(a_configuration(expires_at=AT + timedelta(hours=2))), RefusalCode.INVALID),
        (signed_configuration(a_configuration(values={"a.b": "x" * 17_000})), RefusalCode.INVALID),
        (b"", RefusalCode.FORGED),
    ],
)
def test_all_else_is_refused(data: bytes, code: RefusalCode) -> None:
    assert check(data) is code


def test_without_a_clock_or_a_connection_and_below_the_highest_counter_nothing_is_taken() -> None:
    data = signed_configuration(a_configuration(counter=5))
    assert check(data, now=None) is RefusalCode.CLOCK_UNSET
    assert check(data, session=None) is RefusalCode.OTHER_SESSION
    assert check(data, highest=5) is RefusalCode.REPLAYED
    assert isinstance(check(data, highest=4), DesiredMessage)


@given(st.integers(0, 2**32), st.lists(st.integers(1, 40), min_size=1, max_size=4, unique=True))
def test_whatever_an_attacker_sends_between_them_only_rising_configurations_of_the_centre_are_taken(
    seed: int, counters: list[int]
) -> None:
    attacker = random.Random(seed)
    guard, taken, good = a_guard(), [], [signed_configuration(a_configuration(counter=one)) for one in counters]
    for data in [each for one in good for each in (*attacks(attacker, one, good), one)]:
        found = guard.check(data, SESSION, AT)
        if isinstance(found, DesiredMessage):
            taken.append(found.counter)
    assert taken == sorted(set(taken))
    assert set(taken) <= set(counters)


def test_of_ten_thousand_attacks_none_is_taken() -> None:
    guard, attacker, first = a_guard(), random.Random(19), signed_configuration(a_configuration())
    assert isinstance(guard.check(first, SESSION, AT), DesiredMessage)
    made = [data for _ in range(ATTACKS // 11 + 1) for data in attacks(attacker, first, [first])]
    found = [guard.check(data, SESSION, AT) for data in made]
    assert [one for one in found if not isinstance(one, CommandRefusal)] == []


def attacks(attacker: random.Random, data: bytes, known: list[bytes]) -> list[bytes]:
    """Forged, damaged, cut, for another device, of another connection, late, and repeated."""
    broken = bytearray(data)
    broken[attacker.randrange(len(data))] ^= 1 << attacker.randrange(8)
    counter = attacker.randrange(1, 2**53)
    return [
        bytes(broken),
        data[: attacker.randrange(len(data))],
        data + b"\0",
        attacker.randbytes(attacker.randrange(200)),
        signed_configuration(a_configuration(counter=counter), OTHER_KEY),
        signed_configuration(a_configuration(counter=counter), use=OrderUse.COMMAND),
        signed_configuration(a_configuration(counter=counter, device="dong-ba/gate-2")),
        signed_configuration(a_configuration(counter=counter, session=OLD_SESSION)),
        signed_configuration(a_configuration(counter=counter, expires_at=AT - timedelta(seconds=1))),
        signed(a_command(counter=counter)),
        attacker.choice(known[: known.index(data)] or [b""]),
    ]


@given(st.dictionaries(NAMES, JSON, max_size=6))
def test_any_values_have_the_same_name_on_both_sides(values: dict[str, Any]) -> None:
    found = a_guard().check(signed_configuration(a_configuration(values=values)), SESSION, AT)
    assert isinstance(found, DesiredMessage)
    assert values_sha256(found.values) == values_sha256(values)
    assert canonical_bytes(found.values) == canonical_bytes(dict(reversed(values.items())))


@given(st.binary(max_size=300) | JSON.map(repr).map(str.encode))
def test_any_bytes_are_no_configuration_or_report_and_raise_no_other_error(payload: bytes) -> None:
    for kind in (DesiredMessage, ConfigurationReport):
        with pytest.raises(InvalidMessageError):
            kind.from_payload(payload)
