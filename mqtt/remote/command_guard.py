"""Decides whether a device obeys a command: signature, device, connection, counter and expiry. Pure, one thread.

Each connection has a random session, which the device says in its hello. A command names it, so that nothing of an earlier
connection is obeyed: also not after a restart, with a restored database or with a clock that went back. Within a connection the
counter only rises. The highest one is stored before the command is done.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from mqtt.message_model import InvalidMessageError
from mqtt.remote.commands import (
    MAX_LIFETIME,
    Arguments,
    CommandMessage,
    CommandName,
    UnsupportedCommandError,
    parse_arguments,
)
from mqtt.remote.signature import OrderUse, open_order

CLOCK_LEEWAY = timedelta(minutes=5)
"""A command may be issued this long after the device's own time: its clock may be slow."""


class RefusalCode(StrEnum):
    """Why a command is not obeyed. Wire values of replies, except the first four: to these no reply is sent."""

    FORGED = "forged"
    """Not signed by the fleet key, or damaged."""
    OTHER_DEVICE = "other-device"
    REPLAYED = "replayed"
    """Its counter is not higher than that of an earlier command. The broker may also send a message twice."""
    INVALID = "invalid"
    OTHER_SESSION = "other-session"
    """It was made for an earlier connection."""
    EXPIRED = "expired"
    NOT_YET = "not-yet-valid"
    CLOCK_UNSET = "clock-unset"
    """The device cannot tell whether it is expired."""
    UNSUPPORTED = "unsupported"
    INVALID_ARGUMENTS = "invalid-arguments"


_WITHOUT_REPLY = frozenset({RefusalCode.FORGED, RefusalCode.OTHER_DEVICE, RefusalCode.REPLAYED, RefusalCode.INVALID})


@dataclass(frozen=True, slots=True)
class CommandRefusal:
    """A command that is not obeyed."""

    code: RefusalCode
    id: str = ""
    """Of the command. Empty: no reply is sent."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AcceptedCommand:
    """A command to obey."""

    message: CommandMessage
    name: CommandName
    arguments: Arguments


class CommandGuard:
    """One device. `session`: of the present connection, None without one. `highest_counter`: of all accepted commands."""

    def __init__(
        self,
        device: str,
        keys: Sequence[Ed25519PublicKey],
        highest_counter: int,
        supported: Collection[CommandName] = tuple(CommandName),
    ) -> None:
        """`device`: `SITE/DEVICE`. `highest_counter`: as the store has it. `supported`: what this device can do."""
        self._device = device
        self.supported = frozenset(supported)
        self._keys = tuple(keys)
        self.highest_counter = highest_counter
        self.session: str | None = None

    def check(self, name_of_topic: str, data: bytes, now: datetime | None) -> AcceptedCommand | CommandRefusal:
        """Check a message. Where it is accepted, its counter is used up. `now` None: the clock is not set."""
        payload = open_order(self._keys, OrderUse.COMMAND, data)
        if payload is None:
            return CommandRefusal(RefusalCode.FORGED)
        try:
            message = CommandMessage.from_payload(payload)
        except InvalidMessageError as error:
            return CommandRefusal(RefusalCode.INVALID, detail=str(error))
        code = self._refusal(name_of_topic, message, now)
        if code is not None:
            return CommandRefusal(code, "" if code in _WITHOUT_REPLY else message.id)
        try:
            name, arguments = parse_arguments(message.name, message.arguments, self.supported)
        except UnsupportedCommandError:
            return CommandRefusal(RefusalCode.UNSUPPORTED, message.id)
        except InvalidMessageError as error:
            return CommandRefusal(RefusalCode.INVALID_ARGUMENTS, message.id, str(error))
        self.highest_counter = message.counter
        return AcceptedCommand(message, name, arguments)

    def _refusal(self, name_of_topic: str, message: CommandMessage, now: datetime | None) -> RefusalCode | None:
        """What speaks against a signed command. None: nothing."""
        if message.device != self._device:
            return RefusalCode.OTHER_DEVICE
        if message.name != name_of_topic or not timedelta(0) < message.lifetime <= MAX_LIFETIME:
            return RefusalCode.INVALID
        if self.session is None or message.session != self.session:
            return RefusalCode.OTHER_SESSION
        if message.counter <= self.highest_counter:
            return RefusalCode.REPLAYED
        return refusal_by_time(message.issued_at, message.expires_at, now)


def refusal_by_time(issued_at: datetime, expires_at: datetime, now: datetime | None) -> RefusalCode | None:
    """What the time says against an order. `now` None: the clock of the device is not set."""
    if now is None:
        return RefusalCode.CLOCK_UNSET
    if now >= expires_at:
        return RefusalCode.EXPIRED
    return RefusalCode.NOT_YET if now < issued_at - CLOCK_LEEWAY else None
