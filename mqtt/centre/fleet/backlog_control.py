"""How fast each device may send what waits in it: one budget for the whole fleet. Pure, with the time from its caller.

A device reports its backlog when it connects and each minute. Where many have one, they take turns: some send at a useful rate,
the others wait. So those that load the centre are few. They get a receipt every second or two, and with it a new rate where the
centre is late. New events never wait for this rate.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from mqtt.centre.fleet.ingest_pace import IngestPace
from mqtt.topics import DeviceTopics

FLOOR_EVENTS_PER_S = 0.02
"""Each device may send so much, whatever the budget: nothing waits for ever."""
TURN_EVENTS_PER_S = 25.0
"""A device whose turn it is sends at least so much, if the budget has so much: a message of 50 events every two seconds."""
MAX_TURNS = 1000
"""Devices that send at the same time. Of a larger budget each of them gets more."""
TELL_AGAIN_AT = 0.2
"""A device is told again when its rate changes by this part."""
FORGET_AFTER_S = 180.0
"""A device that sent no report for so long does not count. Three health messages are missing then."""
SHORTEST_DRAIN_S = 1.0
"""No device gets more than what empties it in this time: a few waiting events must not take the budget of a minute from others."""
SILENT_TURN_S, SILENT_TURN_EVENTS = 10.0, 100.0
"""A device that sends nothing in this time, and in the time for so many events, loses its turn until its next report."""
MAX_EVENTS_PER_S = 1e6
"""The largest rate of the wire."""


class RateChange(NamedTuple):
    """What to tell a device. `events_per_s` None: no limit."""

    device: DeviceTopics
    epoch: str
    events_per_s: float | None


@dataclass(slots=True)
class _Device:
    topics: DeviceTopics
    epoch: str
    heard_s: float
    backlog: int = 0
    """By its last report, without what was received since."""
    told: float | None = None
    """The rate that it was told last. None: it may have any."""
    rate: float = FLOOR_EVENTS_PER_S
    """What it shall have."""
    sent_s: float = 0.0
    """When its turn began, or when it sent events in it."""

    @property
    def useful_rate(self) -> float:
        """More would be of no use."""
        return max(self.backlog, 1) / SHORTEST_DRAIN_S

    def must_be_told(self) -> bool:
        """Whether what it was told differs enough from its rate."""
        return self.told is None or abs(self.rate - self.told) >= TELL_AGAIN_AT * self.told

    def is_silent(self, now_s: float) -> bool:
        """Whether it makes nothing of its turn."""
        return now_s - self.sent_s > SILENT_TURN_S + SILENT_TURN_EVENTS / self.rate


class BacklogControl:
    """One thread. Its memory grows with the devices that were heard lately."""

    def __init__(self, events_per_s: float | None, *, device_events_per_s: float | None = None) -> None:
        """`events_per_s`: the largest budget of the fleet. None: each device sends as fast as it can.

        `device_events_per_s`: a limit for each device. None: it may use the whole budget.
        """
        self.pace = IngestPace(events_per_s) if events_per_s is not None else None
        self._device_limit = device_events_per_s
        self._devices: dict[DeviceTopics, _Device] = {}
        """The device that was heard last is the last one."""
        self._turns: dict[DeviceTopics, _Device] = {}
        """Those that may send now, in the order in which their turns began."""
        self._queue: dict[DeviceTopics, _Device] = {}
        """Those that wait for their turn."""
        self._connected: dict[DeviceTopics, _Device] = {}
        """Those that connected, and have no answer yet."""
        self._changed: dict[DeviceTopics, _Device] = {}
        """Those that reported something, or lost their turn, since `take_changes`."""

    @property
    def devices_with_backlog(self) -> int:
        """How many devices share the budget."""
        return len(self._turns) + len(self._queue)

    @property
    def told_events_per_s(self) -> float:
        """The sum of the rates of the devices whose turn it is. It may exceed the budget by what is not worth a message."""
        return sum(found.told or 0.0 for found in self._turns.values())

    def on_report(
        self, device: DeviceTopics, epoch: str, backlog: int, now_s: float, *, connected: bool = False
    ) -> None:
        """A device says how many events wait in it. `connected`: it has just connected, and `take_changes` answers it."""
        found = self._devices.pop(device, None) or _Device(device, epoch, now_s)
        self._devices[device] = self._changed[device] = found
        found.epoch, found.heard_s, found.backlog = epoch, now_s, backlog
        if connected:
            found.told = None
            self._connected[device] = found
        if not backlog or self.pace is None:
            self._finish(device)
        elif device not in self._turns:
            self._queue.setdefault(device, found)

    def on_events(self, device: DeviceTopics, count: int, now_s: float) -> None:
        """So many events of this device were received, live ones too. The next report corrects what was counted wrongly."""
        found = self._turns.get(device)
        if found is not None:
            found.backlog -= count
            found.sent_s = now_s
            if found.backlog <= 0:
                self._finish(device)

    def _finish(self, device: DeviceTopics) -> None:
        self._turns.pop(device, None)
        self._queue.pop(device, None)

    def on_connected(self) -> None:
        """The centre has a new connection to its broker."""
        if self.pace is not None:
            self.pace.on_connected()

    def on_stored(self, count: int) -> None:
        """So many events of all devices were committed."""
        if self.pace is not None:
            self.pace.on_stored(count)

    def on_delay(self, delay_s: float, now_s: float, *, is_complete: bool = True) -> None:
        """A live message took so long from its sender to the commit. Not `is_complete`: it has waited so long by now."""
        if self.pace is not None:
            is_used = bool(self._queue) or self.told_events_per_s >= (1 - TELL_AGAIN_AT) * self.pace.events_per_s
            self.pace.on_delay(delay_s, now_s, is_used=is_used, is_complete=is_complete)

    def take_changes(self, now_s: float) -> list[RateChange]:
        """Whom to tell which rate now."""
        connected, self._connected = self._connected, {}
        if self.pace is None:
            self._changed.clear()
            return [RateChange(device, found.epoch, self._device_limit) for device, found in connected.items()]
        self._forget_silent(now_s)
        if self.pace.is_late:
            self._interrupt_turns(now_s)
        else:
            self._end_silent_turns(now_s)
            budget = self.pace.events_per_s
            share = self._share(budget)
            left = budget - self._set_rates(share, budget)
            self._begin_turns(share, left, now_s)
        changed, self._changed = self._changed, {}
        without_turn = {
            device: found
            for device, found in changed.items()
            if device not in self._turns and (found.backlog > 0 or found.told is not None)
        }
        for found in {**without_turn, **connected}.values():
            if found.topics not in self._turns:
                found.rate = FLOOR_EVENTS_PER_S
        return list(_tell({**without_turn, **connected, **self._turns}.values()))

    def _forget_silent(self, now_s: float) -> None:
        while self._devices:
            device, found = next(iter(self._devices.items()))
            if found.heard_s > now_s - FORGET_AFTER_S:
                break
            del self._devices[device]
            self._changed.pop(device, None)
            self._finish(device)

    def _interrupt_turns(self, now_s: float) -> None:
        """They go on later. What a device has sent may not have arrived yet, so that its silence says nothing."""
        for found in self._turns.values():
            found.rate, found.sent_s = FLOOR_EVENTS_PER_S, now_s

    def _end_silent_turns(self, now_s: float) -> None:
        for device in [device for device, found in self._turns.items() if found.is_silent(now_s)]:
            self._changed[device] = self._turns.pop(device)

    def _share(self, budget: float) -> float:
        """The most that one device gets."""
        least = max(TURN_EVENTS_PER_S, budget / MAX_TURNS)
        share = budget / max(1, int(budget / least))
        if self.devices_with_backlog <= MAX_TURNS:  # all may want less than that together
            waiting = (*self._turns.values(), *self._queue.values())
            share = max(share, _level([found.useful_rate for found in waiting], budget))
        return min(share, budget, self._device_limit or MAX_EVENTS_PER_S)

    def _set_rates(self, share: float, budget: float) -> float:
        """The rates of those whose turn it is. Where the budget became too small, the last turns end. Returns their sum."""
        used = 0.0
        for found in self._turns.values():
            found.rate = min(share, found.useful_rate)
            used += found.rate
        ended: list[_Device] = []
        while used > budget * (1 + 1e-9) and len(self._turns) > 1:
            device, found = self._turns.popitem()
            self._changed[device] = found
            used -= found.rate
            ended.append(found)
        if ended:
            self._queue = {found.topics: found for found in reversed(ended)} | self._queue
        return sum(found.rate if found.must_be_told() else found.told or 0.0 for found in self._turns.values())

    def _begin_turns(self, share: float, left: float, now_s: float) -> None:
        while self._queue and len(self._turns) < MAX_TURNS:
            device, found = next(iter(self._queue.items()))
            rate = min(share, found.useful_rate)
            if self._turns and rate > left * (1 + 1e-9):
                break
            self._turns[device] = self._queue.pop(device)
            found.rate, found.sent_s = rate, now_s
            left -= rate


def _level(wanted: Iterable[float], budget: float) -> float:
    """The limit at which all together use the budget, if those that want less get what they want."""
    left, rates = budget, sorted(wanted)
    for place, rate in enumerate(rates):
        equal = left / (len(rates) - place)
        if rate >= equal:
            return equal
        left -= rate
    return budget


def _tell(devices: Iterable[_Device]) -> Iterable[RateChange]:
    for found in devices:
        if found.must_be_told():
            found.told = found.rate
            yield RateChange(found.topics, found.epoch, found.rate)
