"""How fast each device may send what waits in it: one budget for the whole fleet. Pure, with the time from its caller.

A device reports its backlog when it connects and each minute. The centre answers with a rate where it has changed enough. New
events never wait for this rate.
"""

from dataclasses import dataclass

from mqtt.topics import DeviceTopics

FLOOR_EVENTS_PER_S = 0.02
"""Each device may send so much, whatever the budget: nothing waits for ever."""
TELL_AGAIN_AT = 0.2
"""A device is told again when its rate changes by this part."""
FORGET_AFTER_S = 180.0
"""A device that sent no report for so long does not count. Three health messages are missing then."""
SHORTEST_DRAIN_S = 1.0
"""No device gets more than what empties it in this time: a few waiting events must not take the budget of a minute from others."""
MAX_EVENTS_PER_S = 1e6
"""The largest rate of the wire."""


@dataclass(slots=True)
class _Device:
    heard_s: float
    backlog: int
    told: float | None = None
    """The rate that it was told last."""

    @property
    def used(self) -> float:
        """What it takes of the budget."""
        return self.told or 0.0 if self.backlog else 0.0


class BacklogControl:
    """One thread. Its memory grows with the devices that were heard lately."""

    def __init__(self, events_per_s: float | None) -> None:
        """`events_per_s`: the budget of the fleet. None: each device sends as fast as it can."""
        self._budget = events_per_s
        self._devices: dict[DeviceTopics, _Device] = {}
        """The device that was heard last is the last one."""
        self._used = 0.0
        self._waiting = 0
        """Devices that have a backlog."""

    @property
    def devices_with_backlog(self) -> int:
        """How many devices share the budget."""
        return self._waiting

    @property
    def told_events_per_s(self) -> float:
        """The sum of the rates of the devices that have a backlog. At most the budget, beside the floor of each device."""
        return self._used

    def on_report(self, device: DeviceTopics, backlog: int, now_s: float) -> None:
        """A device says how many events wait in it."""
        if self._budget is None:
            return
        known = self._devices.pop(device, None)
        told = None
        if known is not None:
            self._used -= known.used
            self._waiting -= known.backlog > 0
            told = known.told
        self._devices[device] = found = _Device(now_s, backlog, told)
        self._used += found.used
        self._waiting += backlog > 0
        self._forget_silent(now_s)

    def _forget_silent(self, now_s: float) -> None:
        while self._devices:
            device, found = next(iter(self._devices.items()))
            if found.heard_s > now_s - FORGET_AFTER_S:
                break
            del self._devices[device]
            self._used -= found.used
            self._waiting -= found.backlog > 0

    def rate_to_tell(self, device: DeviceTopics, *, always: bool = False) -> float | None:
        """The rate of a device that has just sent a report. None: it knows its rate well enough, or there is no budget.

        `always`: the device may have forgotten its rate, because it connected again.
        """
        found = self._devices.get(device)
        if self._budget is None or found is None:
            return None
        rate = min(self._rate(found, self._budget), MAX_EVENTS_PER_S)
        if not always and found.told is not None and abs(rate - found.told) < TELL_AGAIN_AT * found.told:
            return None
        self._used -= found.used
        found.told = rate
        self._used += found.used
        return rate

    def _rate(self, device: _Device, budget: float) -> float:
        """An equal share, or less where less waits.

        What others still have from before is theirs until they report, so that the sum keeps the budget.
        A device without a backlog gets a share of the whole fleet: after an outage all begin with it at once.
        """
        if not device.backlog:
            return max(FLOOR_EVENTS_PER_S, budget / len(self._devices))
        left = budget - (self._used - device.used)
        return max(FLOOR_EVENTS_PER_S, min(budget / self._waiting, left, device.backlog / SHORTEST_DRAIN_S))
