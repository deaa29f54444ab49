"""Tests of what a device obeys: of any mixture of forged, replayed, expired, foreign and re-ordered commands, nothing."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mqtt.message_model import InvalidMessageError
from mqtt.remote.command_guard import CLOCK_LEEWAY, AcceptedCommand, CommandGuard, CommandRefusal, RefusalCode
from mqtt.remote.commands import (
    MAX_LIFETIME,
    CommandMessage,
    CommandName,
    HelloMessage,
    ReplyMessage,
    ReplyState,
    parse_arguments,
)
from tests.fakes.parts.commands import AT, FLEET_KEY, OLD_SESSION, OTHER_KEY, SESSION, a_command, signed

DEVICE = "dong-ba/gate-1"
ATTACKS = 10_000


def a_guard(highest: int = 0) -> CommandGuard:
    guard = CommandGuard(DEVICE, [FLEET_KEY.public_key()], highest)
    guard.session = SESSION
    return guard


def code_of(guard: CommandGuard, message: CommandMessage, topic: str | None = None) -> RefusalCode | None:
    found = guard.check(topic or message.name, signed(message), AT)
    return found.code if isinstance(found, CommandRefusal) else None


def test_a_command_for_this_device_and_connection_is_obeyed_once() -> None:
    guard = a_guard()
    data = signed(a_command())
    first, second = guard.check("pause", data, AT), guard.check("pause", data, AT)
    assert isinstance(first, AcceptedCommand)
    assert first.name is CommandName.PAUSE
    assert first.arguments.model_dump() == {"minutes": 5}
    assert second == CommandRefusal(RefusalCode.REPLAYED)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"device": "dong-ba/gate-2"}, RefusalCode.OTHER_DEVICE),
        ({"session": OLD_SESSION}, RefusalCode.OTHER_SESSION),
        ({"counter": 7}, RefusalCode.REPLAYED),
        ({"counter": 6}, RefusalCode.REPLAYED),
        ({"expires_at": AT}, RefusalCode.EXPIRED),
        ({"issued_at": AT - timedelta(seconds=9), "expires_at": AT - timedelta(seconds=1)}, RefusalCode.EXPIRED),
        ({"issued_at": AT + 2 * CLOCK_LEEWAY, "expires_at": AT + 3 * CLOCK_LEEWAY}, RefusalCode.NOT_YET),
        ({"expires_at": AT + MAX_LIFETIME}, RefusalCode.INVALID),
        ({"issued_at": AT + timedelta(minutes=2)}, RefusalCode.INVALID),
        ({"name": "open-the-door"}, RefusalCode.UNSUPPORTED),
        ({"arguments": {}}, RefusalCode.INVALID_ARGUMENTS),
        ({"arguments": {"minutes": 0}}, RefusalCode.INVALID_ARGUMENTS),
        ({"arguments": {"minutes": 10**9}}, RefusalCode.INVALID_ARGUMENTS),
        ({"name": "forget", "arguments": {"ids": []}}, RefusalCode.INVALID_ARGUMENTS),
        ({"name": "forget", "arguments": {"ids": ["x"]}}, RefusalCode.INVALID_ARGUMENTS),
        ({"name": "send-log", "arguments": {"lines": 1001}}, RefusalCode.INVALID_ARGUMENTS),
    ],
)
def test_each_reason_not_to_obey_has_its_code(changed: dict[str, Any], code: RefusalCode) -> None:
    guard = a_guard(highest=7)
    fields: dict[str, Any] = {"counter": 8, **changed}
    assert code_of(guard, a_command(**fields)) is code
    assert guard.highest_counter == 7


def test_the_topic_names_the_command_that_is_signed() -> None:
    assert code_of(a_guard(), a_command(), topic="restart") is RefusalCode.INVALID


def test_a_device_whose_clock_is_not_set_obeys_nothing_and_says_so() -> None:
    assert a_guard().check("pause", signed(a_command()), None) == CommandRefusal(RefusalCode.CLOCK_UNSET, "a" * 32)


def test_before_its_hello_a_device_obeys_nothing() -> None:
    guard = a_guard()
    guard.session = None
    assert code_of(guard, a_command()) is RefusalCode.OTHER_SESSION


def test_forged_foreign_and_replayed_commands_get_no_reply() -> None:
    guard = a_guard()
    assert guard.check("pause", signed(a_command(), OTHER_KEY), AT) == CommandRefusal(RefusalCode.FORGED)
    assert guard.check("pause", signed(a_command(device="dong-ba/gate-2")), AT) == CommandRefusal(
        RefusalCode.OTHER_DEVICE
    )


def _others(chance: random.Random) -> Iterator[CommandMessage]:
    """Signed by the fleet key, and for another device, another connection or another time."""
    for _ in range(40):
        counter = chance.randrange(1, 2**50)
        old_at = AT - timedelta(seconds=chance.randrange(60, 10**6))
        yield a_command("dong-ba/gate-2", counter=counter)
        yield a_command(session=OLD_SESSION, counter=counter)
        yield a_command(issued_at=old_at - timedelta(seconds=60), expires_at=old_at, counter=counter)


NOT_FOR_HERE = [signed(message) for message in _others(random.Random(1))]
FORGED = [signed(a_command(counter=2**40 + number), OTHER_KEY) for number in range(40)]


@dataclass
class Attacker:
    """Has every command that was ever sent to any device, and signs with another key. Draws with a seed."""

    chance: random.Random
    seen: list[bytes]

    def message(self) -> bytes:
        """One that must not be obeyed."""
        pool = self.chance.choice([self.seen, self.seen, NOT_FOR_HERE, FORGED])
        data = bytearray(self.chance.choice(pool))
        change = self.chance.randrange(5)
        if change == 0:
            data[self.chance.randrange(len(data))] ^= self.chance.randrange(1, 256)
        elif change == 1:
            del data[self.chance.randrange(len(data)) :]
        elif change == 2:
            data = bytearray(self.chance.randbytes(self.chance.randrange(300)))
        return bytes(data)


@given(st.integers(0, 2**32), st.lists(st.integers(1, 40), min_size=1, max_size=4, unique=True))
def test_whatever_an_attacker_sends_between_them_each_command_of_the_centre_is_obeyed_once_and_nothing_else(
    seed: int, counters: list[int]
) -> None:
    guard, sent = a_guard(), [signed(a_command(counter=counter)) for counter in sorted(counters)]
    attacker = Attacker(random.Random(seed), [])
    for data in sent:
        assert isinstance(guard.check("pause", data, AT), AcceptedCommand)
        attacker.seen.append(data)
        assert all(isinstance(guard.check("pause", attacker.message(), AT), CommandRefusal) for _ in range(5))


def test_of_ten_thousand_attacks_none_is_obeyed() -> None:
    guard, first = a_guard(), signed(a_command())
    attacker = Attacker(random.Random(19), [first])
    assert isinstance(guard.check("pause", first, AT), AcceptedCommand)
    found = [guard.check("pause", attacker.message(), AT) for _ in range(ATTACKS)]
    assert [one for one in found if not isinstance(one, CommandRefusal)] == []
    assert {one.code for one in found if isinstance(one, CommandRefusal)} >= {
        RefusalCode.FORGED,
        RefusalCode.REPLAYED,
        RefusalCode.OTHER_DEVICE,
        RefusalCode.OTHER_SESSION,
        RefusalCode.EXPIRED,
    }


@given(st.permutations(range(1, 9)))
def test_of_commands_in_any_order_only_rising_ones_are_obeyed(order: list[int]) -> None:
    guard = a_guard()
    obeyed = [
        counter
        for counter in order
        if isinstance(guard.check("pause", signed(a_command(counter=counter)), AT), AcceptedCommand)
    ]
    assert obeyed == [counter for place, counter in enumerate(order) if counter == max(order[: place + 1])]


def test_after_a_restart_with_a_database_of_an_old_image_nothing_of_before_is_obeyed() -> None:
    message = a_command(counter=50)
    assert isinstance(a_guard().check("pause", signed(message), AT), AcceptedCommand)
    restored = CommandGuard(DEVICE, [FLEET_KEY.public_key()], highest_counter=0)
    restored.session = "6" * 32  # random, for each connection
    assert restored.check("pause", signed(message), AT) == CommandRefusal(RefusalCode.OTHER_SESSION, "a" * 32)


def test_no_command_shows_or_sends_a_picture_of_the_camera() -> None:
    assert {each.value for each in CommandName} == {
        "pause", "resume", "restart", "lamp-test", "send-log", "support-bundle", "release-quarantine", "forget",
    }  # fmt: skip


@given(
    st.dictionaries(
        st.text(max_size=12), st.recursive(st.none() | st.integers() | st.text(max_size=9), st.lists), max_size=9
    )
)
def test_any_arguments_are_checked_without_another_error(arguments: dict[str, object]) -> None:
    for name in CommandName:
        try:
            parse_arguments(name, arguments)
        except InvalidMessageError:
            continue


@given(
    st.binary(max_size=300)
    | st.recursive(st.none() | st.integers() | st.text(max_size=9), st.lists).map(repr).map(str.encode)
)
def test_any_bytes_are_no_hello_reply_or_command_and_raise_no_other_error(payload: bytes) -> None:
    for model in (HelloMessage, ReplyMessage, CommandMessage):
        with pytest.raises(InvalidMessageError):
            model.from_payload(payload)


@given(st.text(alphabet="ABCD=+/ \n", max_size=40))
def test_the_content_of_a_reply_is_base64_or_an_invalid_message(text: str) -> None:
    try:
        reply = ReplyMessage(id="a" * 32, state=ReplyState.PART, at=AT, part=1, content=text)
        assert isinstance(reply.content_bytes, bytes)
    except ValueError:  # also pydantic's, and InvalidMessageError
        return
