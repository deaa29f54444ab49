"""A fleet after an outage, in simulated time: devices with a backlog, people who pass, a broker's queue, and a centre.

The backlog control, the measured delay and the order of the inbox are the product's rules. What a centre stores per second is
given, and may change.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from kiosk.app.builders.delivery import FIRST_BACKLOG_EVENTS_PER_S
from mqtt.centre.fleet.backlog_control import BacklogControl
from mqtt.centre.ingest.delay_probe import DelayProbe
from mqtt.centre.ingest.inbox import LARGE_SHARE
from mqtt.topics import DeviceTopics

HEALTH_INTERVAL_S = 60.0
BATCH = 50
"""Events of a message: a device sends its backlog in whole messages, like the sender of the product."""
WINDOW = 1000
"""Messages that the broker hands out before the first of them is acknowledged."""
COMMIT_S = 0.25


@dataclass(slots=True)
class _Device:
    topics: DeviceTopics
    epoch: str
    backlog: int
    rate: float
    tokens: float
    updated_s: float = 0.0
    turn: int = 0
    """Grows when the rate changes, so that what was planned with the old one is void."""
    is_connected: bool = False


@dataclass(slots=True)
class _Message:
    """`device` None: a live event, or the centre's message to itself with its payload."""

    sent_s: float
    events: int
    device: _Device | None = None
    probe: bytes | None = None
    came_s: float = 0.0
    """When the broker handed it out."""
    is_done: bool = False


@dataclass
class BacklogFleet:
    """Runs until nothing waits. `arrivals`: stored backlog events in each window of time."""

    devices: int
    events_each: int
    budget: float
    capacity: Callable[[float], float] = lambda _now_s: 1e6
    """Events that the centre stores per second, by the time."""
    live_per_s: float = 0.0
    reconnect_s: float = 60.0
    """All devices come back within this time (full jitter)."""
    first_rate: float = FIRST_BACKLOG_EVENTS_PER_S
    """The rate of a device that has just connected."""
    window_s: float = 60.0
    seed: int = 1
    arrivals: dict[int, int] = field(default_factory=dict)
    live_delays_s: list[float] = field(default_factory=list)
    told: int = 0
    """How often a rate was sent."""
    largest_sum: float = 0.0
    """Of all rates that devices had in their turns at one time."""

    def run(self, until_s: float = 1e9) -> float:
        """Returns after how many seconds the last event was stored."""
        self._chance = random.Random(self.seed)
        self._control = BacklogControl(self.budget)
        self._probe = DelayProbe("entrance", "centre")
        self._broker: deque[_Message] = deque()
        self._window: deque[_Message] = deque()
        self._small: deque[_Message] = deque()
        self._large: deque[_Message] = deque()
        self._debt = self._live = 0.0
        self._left = self.devices * self.events_each
        self._plan: list[tuple[float, int, int]] = []  # time, device * 2 + (0 report, 1 send), turn
        self._fleet = []
        for number in range(self.devices):
            topics = DeviceTopics("entrance", f"site-{number // 2}", f"gate-{number % 2}")
            tokens = self._chance.uniform(0, BATCH)
            self._fleet.append(_Device(topics, f"{number:016x}", self.events_each, self.first_rate, tokens))
            heapq.heappush(self._plan, (self._chance.uniform(0, self.reconnect_s), number * 2, 0))
        self._by_topics = {device.topics: device for device in self._fleet}
        now_s = 0.0
        while self._left and now_s < until_s:
            now_s += COMMIT_S
            self._act_until(now_s)
            self._commit(now_s)
        return now_s

    def _act_until(self, now_s: float) -> None:
        """The devices report and send."""
        while self._plan and self._plan[0][0] <= now_s:
            at_s, what, turn = heapq.heappop(self._plan)
            device = self._fleet[what // 2]
            if what % 2 == 0:
                self._report(device, at_s)
                if device.backlog:
                    heapq.heappush(self._plan, (at_s + HEALTH_INTERVAL_S, what, 0))
            elif turn == device.turn and device.backlog:
                self._add_tokens(device, at_s)
                sent = min(BATCH, device.backlog)
                device.tokens = max(0.0, device.tokens - sent)
                device.backlog -= sent
                self._broker.append(_Message(at_s, sent, device))
                self._plan_send(device, at_s, what // 2)
        self._live += self.live_per_s * COMMIT_S
        while self._live >= 1:
            self._live -= 1
            self._broker.append(_Message(now_s - self._chance.uniform(0, COMMIT_S), 1))
        if self._control.devices_with_backlog and (payload := self._probe.next_payload(now_s)) is not None:
            self._broker.append(_Message(now_s, 0, probe=payload))

    def _report(self, device: _Device, at_s: float) -> None:
        is_hello = not device.is_connected
        if is_hello:
            device.is_connected, device.updated_s = True, at_s
            self._plan_send(device, at_s, int(device.epoch, 16))
        self._control.on_report(device.topics, device.epoch, device.backlog, at_s, connected=is_hello)

    def _add_tokens(self, device: _Device, now_s: float) -> None:
        full = max(device.rate, BATCH)
        device.tokens = min(full, device.tokens + (now_s - device.updated_s) * device.rate)
        device.updated_s = now_s

    def _plan_send(self, device: _Device, now_s: float, number: int) -> None:
        wait_s = max(0.0, (min(BATCH, device.backlog) - device.tokens) / device.rate)
        heapq.heappush(self._plan, (now_s + wait_s, number * 2 + 1, device.turn))

    def _commit(self, now_s: float) -> None:
        """One transaction of the centre: small messages first, and as many as it can store in this time."""
        while self._broker and len(self._window) < WINDOW:
            message = self._broker.popleft()
            message.came_s = now_s
            self._window.append(message)
            (self._small if message.device is None else self._large).append(message)
        room = self.capacity(now_s) * COMMIT_S - self._debt
        stored, delays_s = 0, []
        reserved = LARGE_SHARE * room if self._large else 0.0
        for queue, limit in ((self._small, room - reserved), (self._large, room)):
            while queue and stored < limit:
                message = queue.popleft()
                message.is_done = True
                stored += message.events
                delays_s += self._store(message, now_s)
        self._debt = max(0.0, stored - room)
        while self._window and self._window[0].is_done:  # acknowledgements keep the order of arrival
            self._window.popleft()
        self._control.on_stored(stored)
        inbox_wait_s = now_s - self._window[0].came_s if self._window else 0.0
        for delay_s in delays_s:
            self._control.on_delay(max(delay_s, inbox_wait_s), now_s)
        self._control.on_delay(max(self._probe.waiting_s(now_s), inbox_wait_s), now_s, is_complete=False)
        self._tell(now_s)

    def _store(self, message: _Message, now_s: float) -> list[float]:
        """Returns the delay that the centre measured."""
        if message.probe is not None:
            delay_s = self._probe.on_committed(message.probe, now_s)
            return [] if delay_s is None else [delay_s]
        if message.device is None:
            self.live_delays_s.append(now_s - message.sent_s)
            return []
        self._left -= message.events
        self._control.on_events(message.device.topics, message.events, now_s)
        window = int(now_s // self.window_s)
        self.arrivals[window] = self.arrivals.get(window, 0) + message.events
        return []

    def _tell(self, now_s: float) -> None:
        for change in self._control.take_changes(now_s):
            device = self._by_topics[change.device]
            assert change.events_per_s is not None
            self.told += 1
            self._add_tokens(device, now_s)
            device.rate = change.events_per_s
            device.turn += 1
            if device.backlog:
                self._plan_send(device, now_s, int(device.epoch, 16))
        self.largest_sum = max(self.largest_sum, self._control.told_events_per_s)

    def curve(self) -> list[tuple[float, float]]:
        """Events per second in each window, by the time of its beginning in seconds."""
        return [(window * self.window_s, count / self.window_s) for window, count in sorted(self.arrivals.items())]

    def live_delay_s(self, percent: float) -> float:
        """This percentile of the delays of live events."""
        ordered = sorted(self.live_delays_s)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
