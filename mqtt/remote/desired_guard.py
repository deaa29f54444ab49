"""Decides whether a device takes a desired configuration: signature, device, connection, counter and expiry. Pure, one thread."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from mqtt.message_model import InvalidMessageError
from mqtt.remote.command_guard import CommandRefusal, RefusalCode, refusal_by_time
from mqtt.remote.commands import MAX_LIFETIME
from mqtt.remote.configuration import MAX_VALUES_BYTES, DesiredMessage, canonical_bytes
from mqtt.remote.signature import OrderUse, open_order


class DesiredGuard:
    """One device. `highest_counter`: of all configurations that it took."""

    def __init__(self, device: str, keys: Sequence[Ed25519PublicKey], highest_counter: int) -> None:
        """`device`: `SITE/DEVICE`. `highest_counter`: as the journal on disk has it."""
        self._device = device
        self._keys = tuple(keys)
        self.highest_counter = highest_counter

    def check(self, data: bytes, session: str | None, now: datetime | None) -> DesiredMessage | CommandRefusal:
        """Check a message. Where it is taken, its counter is used up.

        `session`: of the present connection, None without one. `now` None: the clock is not set.
        """
        payload = open_order(self._keys, OrderUse.CONFIGURATION, data)
        if payload is None:
            return CommandRefusal(RefusalCode.FORGED)
        try:
            message = DesiredMessage.from_payload(payload)
        except InvalidMessageError as error:
            return CommandRefusal(RefusalCode.INVALID, detail=str(error))
        code = self._refusal(message, session, now)
        if code is not None:
            return CommandRefusal(code)
        self.highest_counter = message.counter
        return message

    def _refusal(self, message: DesiredMessage, session: str | None, now: datetime | None) -> RefusalCode | None:
        """What speaks against a signed configuration. None: nothing."""
        if message.device != self._device:
            return RefusalCode.OTHER_DEVICE
        lifetime = message.expires_at - message.issued_at
        if not timedelta(0) < lifetime <= MAX_LIFETIME or not _is_small(message):
            return RefusalCode.INVALID
        if session is None or message.session != session:
            return RefusalCode.OTHER_SESSION
        if message.counter <= self.highest_counter:
            return RefusalCode.REPLAYED
        return refusal_by_time(message.issued_at, message.expires_at, now)


def _is_small(message: DesiredMessage) -> bool:
    try:
        return len(canonical_bytes(message.values)) <= MAX_VALUES_BYTES
    except ValueError:  # a number that JSON does not have, such as NaN
        return False
