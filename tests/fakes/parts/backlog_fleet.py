"""A fleet after an outage, in simulated time: devices with a backlog, their reports, and the centre's backlog control."""

import heapq
import random
from dataclasses import dataclass, field

from mqtt.centre.fleet.backlog_control import BacklogControl
from mqtt.topics import DeviceTopics

HEALTH_INTERVAL_S = 60.0
BATCH = 50
"""Events of a message: a device sends its backlog in whole messages, like the sender of the product."""


@dataclass(slots=True)
class _Device:
    topics: DeviceTopics
    backlog: int
    rate: float
    tokens: float
    updated_s: float = 0.0
    turn: int = 0
    """Grows when the rate changes, so that what was planned with the old one is void."""


@dataclass
class BacklogFleet:
    """Runs until nothing waits. `arrivals`: backlog events in each window of time."""

    devices: int
    events_each: int
    budget: float
    reconnect_s: float = 60.0
    """All devices come back within this time (full jitter)."""
    first_rate: float = 10.0
    """The rate of a device that has just started."""
    window_s: float = 60.0
    seed: int = 1
    arrivals: dict[int, int] = field(default_factory=dict)
    told: int = 0
    """How often a rate was sent."""
    largest_sum: float = 0.0
    """Of all rates that devices with a backlog had at one time."""

    def run(self) -> float:
        """Returns after how many seconds the last event arrived."""
        chance = random.Random(self.seed)
        control = BacklogControl(self.budget)
        plan: list[tuple[float, int, int]] = []  # time, device * 2 + (0 report, 1 send), turn
        fleet = []
        for number in range(self.devices):
            topics = DeviceTopics("entrance", f"site-{number // 2}", f"gate-{number % 2}")
            fleet.append(_Device(topics, self.events_each, self.first_rate, chance.uniform(0, BATCH)))
            heapq.heappush(plan, (chance.uniform(0, self.reconnect_s), number * 2, 0))
        now_s = last_s = 0.0
        left = self.devices
        while left:
            now_s, what, turn = heapq.heappop(plan)
            device = fleet[what // 2]
            if what % 2 == 0:
                self._report(control, device, now_s, is_hello=turn == 0, plan=plan, number=what // 2)
                if device.backlog:
                    heapq.heappush(plan, (now_s + HEALTH_INTERVAL_S, what, 1))
            elif turn == device.turn and device.backlog:
                self._send(device, now_s)
                last_s = now_s
                if device.backlog:
                    self._plan_send(device, now_s, plan, what // 2)
                else:
                    left -= 1
        return last_s

    def _report(
        self,
        control: BacklogControl,
        device: _Device,
        now_s: float,
        *,
        is_hello: bool,
        plan: list[tuple[float, int, int]],
        number: int,
    ) -> None:
        control.on_report(device.topics, device.backlog, now_s)
        rate = control.rate_to_tell(device.topics, always=is_hello)
        self.largest_sum = max(self.largest_sum, control.told_events_per_s)
        if is_hello:
            device.updated_s = now_s
        if rate is not None:
            self.told += 1
            self._add_tokens(device, now_s)
            device.rate = rate
            device.turn += 1
            self._plan_send(device, now_s, plan, number)

    def _add_tokens(self, device: _Device, now_s: float) -> None:
        full = max(device.rate, BATCH)
        device.tokens = min(full, device.tokens + (now_s - device.updated_s) * device.rate)
        device.updated_s = now_s

    def _plan_send(self, device: _Device, now_s: float, plan: list[tuple[float, int, int]], number: int) -> None:
        wait_s = max(0.0, (min(BATCH, device.backlog) - device.tokens) / device.rate)
        heapq.heappush(plan, (now_s + wait_s, number * 2 + 1, device.turn))

    def _send(self, device: _Device, now_s: float) -> None:
        self._add_tokens(device, now_s)
        sent = min(BATCH, device.backlog)
        device.tokens = max(0.0, device.tokens - sent)
        device.backlog -= sent
        window = int(now_s // self.window_s)
        self.arrivals[window] = self.arrivals.get(window, 0) + sent

    def curve(self) -> list[tuple[float, float]]:
        """Events per second in each window, by the time of its beginning in seconds."""
        return [(window * self.window_s, count / self.window_s) for window, count in sorted(self.arrivals.items())]
