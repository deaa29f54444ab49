"""A running demonstration whose people come again and again, for tests that break or order something meanwhile."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kiosk.simulation.demo import Demonstration
from kiosk.simulation.sandbox import scratch_premises
from kiosk.simulation.visitors import hasty_pace

WITHIN_S = 15.0


@contextmanager
def demonstration() -> Iterator[Demonstration]:
    """Running and ready, with the first answers given."""
    with scratch_premises() as premises, Demonstration(premises, hasty_pace(60.0), loop=True, window_s=1.0) as started:
        await_status(started, lambda found: found["state"] == "ready" and len(started.answers) >= 2)
        yield started


def await_status(started: Demonstration, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Turn until the daemon's status is as wanted."""
    ends_s = time.monotonic() + WITHIN_S
    found: dict[str, Any] | None = None
    while time.monotonic() < ends_s:
        found = started.turn()
        if found is not None and wanted(found):
            return found
    raise AssertionError(f"within {WITHIN_S} s it did not come to that; the last status was {found}")


def fact(found: dict[str, Any], name: str) -> dict[str, Any]:
    """One fact of a status, by its name."""
    return next(each for each in found["facts"] if each["name"] == name)
