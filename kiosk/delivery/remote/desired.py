"""Desired configurations of the centre on the relay's connection: checked here, tried by another thread."""

import logging
import queue
from collections.abc import Callable
from datetime import datetime

from mqtt.remote.command_guard import CommandRefusal, RefusalCode
from mqtt.remote.configuration import ConfigurationReport, DesiredMessage, TrialCode
from mqtt.remote.desired_guard import DesiredGuard

log = logging.getLogger(__name__)

_REPORTED = {
    RefusalCode.CLOCK_UNSET: TrialCode.CLOCK_UNSET,
    RefusalCode.EXPIRED: TrialCode.EXPIRED,
    RefusalCode.NOT_YET: TrialCode.NOT_YET,
}
"""What the next hello says. Other refusals are of messages that no centre sent to this connection."""


class DesiredInbox:
    """`offer`: the relay's thread. `take`: any thread."""

    def __init__(self, guard: DesiredGuard, report: Callable[[], ConfigurationReport]) -> None:
        """`report`: what the hello says of the configuration. Any thread may call it."""
        self._guard = guard
        self._report = report
        self._newest: queue.Queue[DesiredMessage] = queue.Queue(1)
        self._refused: TrialCode | None = None

    def offer(self, data: bytes, session: str | None, now: datetime | None) -> CommandRefusal | None:
        """Check a message. The newest that is taken waits for `take`. `now` None: the clock is not set."""
        found = self._guard.check(data, session, now)
        if isinstance(found, CommandRefusal):
            self._refused = _REPORTED.get(found.code, self._refused)
            return found
        self._refused = None
        while True:
            try:
                self._newest.put_nowait(found)
            except queue.Full:
                self.take()  # an older one, which the newer one replaces
            else:
                return None

    def take(self) -> DesiredMessage | None:
        """The newest configuration that came and was not taken yet."""
        try:
            return self._newest.get_nowait()
        except queue.Empty:
            return None

    def refuse(self, code: TrialCode) -> None:
        """What was taken is not tried now. A later hello says so, and the centre sends it again. Any thread."""
        self._refused = code

    def report(self) -> ConfigurationReport:
        """What the hello says."""
        found = self._report()
        if self._refused is None:
            return found
        return found.model_copy(update={"code": self._refused.value})
