"""Several broker addresses: which one the next connection goes to, and the connections that report how they ended."""

import logging
import random
import time
from collections.abc import Callable, Sequence

from mqtt.connection import (
    BrokerConnectionError,
    BrokerEndpoint,
    BrokerRefusedError,
    BrokerUnreachableError,
    Connected,
    Connection,
    ConnectionEvent,
    IncomingMessage,
    OutgoingMessage,
    reconnect_delay_s,
)

log = logging.getLogger(__name__)

BACKOFF_FIRST_S = 2.0
BACKOFF_LAST_S = 60.0
STABLE_S = 60.0
"""A connection that lasted at least this long was a good one."""

Opener = Callable[[BrokerEndpoint, OutgoingMessage, int], Connection]
"""Makes a connection to an address with this last will. The number: how often in a row this address has failed."""


class AddressRotation:
    """Chooses the next address. Pure. `now_s`: monotonic.

    The first address in the list that is due is chosen. An address that failed waits: exponential backoff with full jitter. It is
    not chosen twice in a row while another one is due. A good connection that was lost is no failure of its address.
    """

    def __init__(self, count: int, max_delay_s: float, jitter: random.Random) -> None:
        """`max_delay_s`: the longest wait of an address that fails again and again, while another one can be tried."""
        self.failures = [0] * count
        """How often in a row each address has failed."""
        self._due_s = [float("-inf")] * count
        self._failed_last: int | None = None
        self._max_delay_s = max_delay_s
        self._jitter = jitter

    def choose(self, now_s: float) -> int:
        """The index of the next address. Where none is due, the one that is due first: the caller limits how often it asks."""
        due = [index for index, due_s in enumerate(self._due_s) if due_s <= now_s]
        others = [index for index in due if index != self._failed_last]
        if others or due:
            return (others or due)[0]
        return min(range(len(self._due_s)), key=self._due_s.__getitem__)

    def on_failed(self, index: int, now_s: float) -> None:
        """This address did not answer, refused, or lost the connection soon."""
        self.failures[index] += 1
        delay_s = reconnect_delay_s(self.failures[index], BACKOFF_FIRST_S, self._max_delay_s, self._jitter)
        self._due_s[index] = now_s + delay_s
        self._failed_last = index

    def on_ended(self, index: int, now_s: float, lasted_s: float) -> None:
        """A connection to this address was lost."""
        if lasted_s < STABLE_S:
            self.on_failed(index, now_s)
        else:
            self.failures[index], self._due_s[index], self._failed_last = 0, now_s, None


class Failover:
    """Makes the connections of one client, each to one of the addresses in turn. Its owner's thread alone."""

    def __init__(
        self,
        endpoints: Sequence[BrokerEndpoint],
        open_connection: Opener,
        *,
        max_delay_s: float = BACKOFF_LAST_S,
        clock: Callable[[], float] = time.monotonic,
        jitter: random.Random | None = None,
    ) -> None:
        self._endpoints = tuple(endpoints)
        self._open_connection = open_connection
        self._clock = clock
        random_source = jitter or random.Random()  # noqa: S311 - spreads reconnects, not for security
        self._rotation = AddressRotation(len(self._endpoints), max_delay_s, random_source)
        self._index = -1
        self._refused: set[int] = set()

    def __call__(self, will: OutgoingMessage) -> Connection:
        """A new connection, not open yet."""
        index = self._rotation.choose(self._clock())
        if self._index not in (-1, index):
            log.info("the next broker is %s", self._endpoints[index])
        self._index = index
        opened = self._open_connection(self._endpoints[index], will, self._rotation.failures[index])
        return _ReportingConnection(opened, self, index)

    def rejected(self, index: int) -> None:
        """The owner rejects this broker, though the connection works: it lacks a feature, or the centre is not there."""
        self._rotation.on_failed(index, self._clock())

    def accepted(self, index: int) -> float:
        """The broker accepted the connection. Returns the time."""
        self._refused.discard(index)
        return self._clock()

    def ended(self, index: int, accepted_s: float | None, error: BrokerConnectionError) -> BrokerConnectionError:
        """A connection is lost. Returns the error for the owner: refused only if every address refuses."""
        now_s = self._clock()
        if accepted_s is None:
            self._rotation.on_failed(index, now_s)
        else:
            self._rotation.on_ended(index, now_s, now_s - accepted_s)
        if not isinstance(error, BrokerRefusedError):
            self._refused.discard(index)
            return error
        self._refused.add(index)
        if len(self._refused) == len(self._endpoints):
            return error
        return BrokerUnreachableError(str(error), error.code, error.values)


class _ReportingConnection:
    """Tells the failover how the connection ended. Each method: see mqtt.connection.Connection."""

    def __init__(self, opened: Connection, failover: Failover, index: int) -> None:
        self.address = opened.address
        self._opened = opened
        self._failover = failover
        self._index = index
        self._accepted_s: float | None = None
        self._error: BrokerConnectionError | None = None

    def _end(self, error: BrokerConnectionError) -> BrokerConnectionError:
        """Reports the first error only. Further calls of a lost connection get the same one."""
        if self._error is None:
            self._error = self._failover.ended(self._index, self._accepted_s, error)
        return self._error

    def open(self) -> None:
        """See Connection."""
        try:
            self._opened.open()
        except BrokerConnectionError as error:
            raise self._end(error) from error

    def process(self, timeout_s: float = 0.0) -> Sequence[ConnectionEvent]:
        """See Connection."""
        try:
            events = self._opened.process(timeout_s)
        except BrokerConnectionError as error:
            raise self._end(error) from error
        if self._accepted_s is None and any(isinstance(event, Connected) for event in events):
            self._accepted_s = self._failover.accepted(self._index)
        return events

    def publish(self, message: OutgoingMessage) -> int:
        """See Connection."""
        try:
            return self._opened.publish(message)
        except BrokerConnectionError as error:
            raise self._end(error) from error

    def subscribe(self, filters: Sequence[str]) -> None:
        """See Connection."""
        try:
            self._opened.subscribe(filters)
        except BrokerConnectionError as error:
            raise self._end(error) from error

    def acknowledge(self, incoming: IncomingMessage) -> None:
        """See Connection."""
        try:
            self._opened.acknowledge(incoming)
        except BrokerConnectionError as error:
            raise self._end(error) from error

    def unacknowledged_count(self) -> int:
        """See Connection."""
        return self._opened.unacknowledged_count()

    def close(self, *, clean: bool = True) -> None:
        """See Connection. Without `clean`, and without an error of the connection, the owner rejects this broker."""
        if not clean and self._error is None:
            self._failover.rejected(self._index)
        self._opened.close(clean=clean)
