"""Waits for thousands of sockets and timers with epoll. A process has one event loop."""

import heapq
import resource
import select
import time
from collections.abc import Callable, Sequence

from tests.fleet.kiosk.connection import FleetConnection
from tests.fleet.kiosk.simulated_kiosk import NEVER_S, FleetKiosk

SPARE_FILES = 200
MAX_EVENTS = 1024
READ, READ_WRITE = select.EPOLLIN, select.EPOLLIN | select.EPOLLOUT


class EventLoop:
    """Implements tests.fleet.kiosk.connection.Poller."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._epoll = select.epoll()
        self._connections: dict[int, FleetConnection] = {}
        self._due: list[tuple[float, int]] = []
        self._kiosks: Sequence[FleetKiosk] = ()

    def start(self, kiosks: Sequence[FleetKiosk]) -> None:
        """These kiosks are stepped from now on. Kiosk number i has `index` i."""
        self._kiosks = kiosks
        for kiosk in kiosks:
            self.reschedule(kiosk)

    def reschedule(self, kiosk: FleetKiosk) -> None:
        """Its `due_s` was changed from outside."""
        if kiosk.due_s < NEVER_S:
            heapq.heappush(self._due, (kiosk.due_s, kiosk.index))

    def run_once(self, until_s: float) -> None:
        """Wait for sockets and timers, at most until then (monotonic), and serve them."""
        now_s = self._monotonic_s()
        next_s = min(until_s, self._due[0][0] if self._due else until_s)
        for number, events in self._epoll.poll(max(0.0, next_s - now_s), MAX_EVENTS):
            connection = self._connections.get(number)
            if connection is not None:
                self._serve(connection, events)
        self._step_due()

    def _serve(self, connection: FleetConnection, events: int) -> None:
        is_urgent = False
        if events & select.EPOLLOUT:
            connection.on_writable()
            is_urgent = connection.has_failed
        if events & ~select.EPOLLOUT:
            is_urgent |= connection.on_readable()
        if is_urgent:
            self._step(self._kiosks[connection.owner.index])

    def _step_due(self) -> None:
        """An entry whose kiosk is due at another time by now is out of date."""
        now_s = self._monotonic_s()
        while self._due and self._due[0][0] <= now_s:
            due_s, index = heapq.heappop(self._due)
            kiosk = self._kiosks[index]
            if kiosk.due_s == due_s:
                kiosk.step()
                self.reschedule(kiosk)

    def _step(self, kiosk: FleetKiosk) -> None:
        before_s = kiosk.due_s
        kiosk.step()
        if kiosk.due_s != before_s:
            self.reschedule(kiosk)

    def watch(self, connection: FleetConnection) -> None:
        """See Poller."""
        number = connection.fileno()
        self._connections[number] = connection
        self._epoll.register(number, READ_WRITE)

    def unwatch(self, connection: FleetConnection) -> None:
        """See Poller."""
        number = connection.fileno()
        self._connections.pop(number, None)
        self._epoll.unregister(number)

    def watch_writing(self, connection: FleetConnection, *, wanted: bool) -> None:
        """See Poller."""
        self._epoll.modify(connection.fileno(), READ_WRITE if wanted else READ)

    def close(self) -> None:
        """Forget all sockets. They are closed by their owners."""
        self._connections.clear()
        self._epoll.close()


def allow_open_files(count: int) -> None:
    """Raise the limit of open files of this process for so many sockets. Raises ValueError where the system forbids it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + SPARE_FILES
    if hard != resource.RLIM_INFINITY and hard < needed:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, needed))
        except (ValueError, OSError) as error:
            raise ValueError(
                f"{count} connections need {needed} open files, and this system allows {hard}: as root, "
                f"`ulimit -n {needed}`, or LimitNOFILE= of the service"
            ) from error
    elif soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
