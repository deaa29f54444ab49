"""A running demonstration whose people come again and again, for tests that break or order something meanwhile."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kiosk.simulation.demo import Demo
from kiosk.simulation.sandbox import temporary_sandbox
from kiosk.simulation.visitors import fast_timing

WITHIN_S = 15.0


@contextmanager
def demonstration() -> Iterator[Demo]:
    """Running and ready, with the first answers given."""
    with temporary_sandbox() as premises, Demo(premises, fast_timing(60.0), loop=True, window_s=1.0) as started:
        await_status(started, lambda found: found["state"] == "ready" and len(started.decisions) >= 2)
        yield started


def await_status(started: Demo, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Turn until the daemon's status is as wanted."""
    ends_s = time.monotonic() + WITHIN_S
    found: dict[str, Any] | None = None
    while time.monotonic() < ends_s:
        found = started.poll()
        if found is not None and wanted(found):
            return found
    raise AssertionError(f"within {WITHIN_S} s it did not come to that; the last status was {found}")


def fact(found: dict[str, Any], name: str) -> dict[str, Any]:
    """One fact of a status, by its name."""
    return next(each for each in found["checks"] if each["name"] == name)
