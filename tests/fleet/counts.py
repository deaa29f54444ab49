"""What a fleet did, and what it measured: counters, delays and the receipts that were wrong."""

from array import array
from collections import Counter
from dataclasses import dataclass, field


class Delays:
    """Delays in milliseconds: four bytes each."""

    def __init__(self) -> None:
        self._values = array("I")

    def add(self, delay_ms: float) -> None:
        """A clock that was set back in between gives 0."""
        self._values.append(max(0, min(round(delay_ms), 2**32 - 1)))

    def __len__(self) -> int:
        return len(self._values)

    def percentile_s(self, percent: float) -> float | None:
        """The smallest delay that at least `percent` of all do not exceed, in seconds. None where there is none."""
        if not self._values:
            return None
        place = -(-len(self._values) * percent // 100)
        return sorted(self._values)[max(0, int(place) - 1)] / 1000

    def summary(self) -> dict[str, float | int | None]:
        """Number, p50, p95, p99 and largest."""
        ordered = sorted(self._values)
        found: dict[str, float | int | None] = {"count": len(ordered)}
        for name, percent in (("p50_s", 50), ("p95_s", 95), ("p99_s", 99), ("max_s", 100)):
            place = max(0, -(-len(ordered) * percent // 100) - 1)
            found[name] = ordered[place] / 1000 if ordered else None
        return found


@dataclass
class Counts:
    """One for the whole fleet. One thread."""

    recorded: int = 0
    """Passages."""
    confirmed: int = 0
    """Passages of which a receipt came that names their ids."""
    rejected: int = 0
    messages: int = 0
    """Messages with events, also repeated ones."""
    resent: int = 0
    """Events that were sent a second time over one connection: no receipt came within the product's time limit."""
    resent_after_reconnect: int = 0
    """Events that were sent again because the connection over which they went was lost."""
    receipts: int = 0
    healths: int = 0
    states: int = 0
    connects: int = 0
    """Connections that a broker accepted."""
    connected: int = 0
    """Kiosks that are connected and subscribed now."""
    lost_connections: int = 0
    refused: int = 0
    outages: int = 0
    wrong_receipts: Counter[str] = field(default_factory=Counter)
    """Receipts that the simulator's own records contradict, by what is wrong."""
    live: Delays = field(default_factory=Delays)
    """From a passage to its receipt, of passages that happened while the kiosk was connected until the receipt came."""
    backlog: Delays = field(default_factory=Delays)
    """Of all others."""
