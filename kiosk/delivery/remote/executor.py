"""Does accepted commands, one after the other, in a thread of its own: a large support bundle holds up no event."""

import logging
import queue
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kiosk.core.ports import Clock, KioskError, StoreError
from kiosk.delivery.remote.channel import CommandChannel
from kiosk.storage.command_journal import CommandJournal
from mqtt.remote.command_guard import AcceptedCommand
from mqtt.remote.commands import MAX_CONTENT_BYTES, CommandName, ReplyMessage, ReplyState

log = logging.getLogger(__name__)

WAIT_S = 0.2
"""How long a step waits for a command."""
RESTART_AFTER_S = 5.0
"""A restart waits so long for the broker to acknowledge the reply."""


class CommandFailedError(KioskError):
    """A handler could not do it. `code`: a wire value."""

    def __init__(self, code: str, detail: str = "") -> None:
        self.code = code
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a handler did."""

    count: int | None = None
    """How many events are concerned."""
    content: bytes = field(default=b"", repr=False)
    """At most MAX_CONTENT_BYTES."""
    restart: bool = False
    """Start the program again, after the reply was sent."""


Handler = Callable[[AcceptedCommand], CommandResult]
"""Raises CommandFailedError and other KioskErrors."""


class CommandExecutor:
    """One thread calls `step`. `is_restart_due`: any thread."""

    def __init__(
        self,
        channel: CommandChannel,
        journal: CommandJournal,
        handlers: Mapping[CommandName, Handler],
        clock: Clock,
        run_due: Callable[[float], None],
    ) -> None:
        """`run_due` gets the monotonic time at each step: for what a command does later, such as the end of a pause."""
        self._channel = channel
        self._journal = journal
        self._handlers = handlers
        self._clock = clock
        self._run_due = run_due
        self._restart_by_s: float | None = None

    def step(self) -> float:
        """Wait for a command and do it. Returns the delay until the next step, seconds."""
        self._run_due(self._clock.now().monotonic_s)
        try:
            command = self._channel.accepted.get(timeout=WAIT_S)
        except queue.Empty:
            return 0.0
        self._run(command)
        return 0.0

    def is_restart_due(self, now_s: float) -> bool:
        """Whether a command asked for a restart, and its reply is sent or has had its time."""
        by_s = self._restart_by_s
        return by_s is not None and (self._channel.replies.is_empty or now_s >= by_s)

    def _run(self, command: AcceptedCommand) -> None:
        message = command.message
        try:
            result = self._handlers[command.name](command)
            if len(result.content) > MAX_CONTENT_BYTES:
                raise CommandFailedError("too-large", f"{len(result.content)} bytes")
        except KioskError as error:
            code = error.code if isinstance(error, CommandFailedError) else "failed"
            log.error("%s failed: %s %s", command.name, code, error)
            self._finish(message.counter, "failed")
            self._channel.replies.add(
                ReplyMessage(
                    id=message.id,
                    state=ReplyState.FAILED,
                    at=self._clock.now().utc_at,
                    code=code,
                    detail=str(error)[:200].replace("\0", ""),
                )
            )
            return
        self._finish(message.counter, "done")
        now = self._clock.now()
        self._channel.replies.add_result(message.id, now.utc_at, result.content, result.count)
        if result.restart:
            self._restart_by_s = now.monotonic_s + RESTART_AFTER_S

    def _finish(self, counter: int, result: str) -> None:
        """Where the disk fails now, the journal says `started`: the command was done or not."""
        try:
            self._journal.finish(counter, result)
        except StoreError as error:
            log.error("%s", error)
