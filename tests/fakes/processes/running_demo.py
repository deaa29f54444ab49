"""A running demo with a repeated scenario, for tests that inject faults or send commands meanwhile."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kiosk.simulation.demo import Demo
from kiosk.simulation.sandbox import temporary_sandbox
from kiosk.simulation.visitors import fast_timing

WITHIN_S = 60.0


@contextmanager
def demonstration() -> Iterator[Demo]:
    """A demo that is ready and has made its first decisions."""
    with temporary_sandbox() as sandbox, Demo(sandbox, fast_timing(60.0), loop=True, window_s=1.0) as demo:
        await_status(demo, lambda found: found["state"] == "ready" and len(demo.decisions) >= 2)
        yield demo


def await_status(demo: Demo, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Poll until `wanted` holds for the status of the daemon."""
    ends_s = time.monotonic() + WITHIN_S
    found: dict[str, Any] | None = None
    while time.monotonic() < ends_s:
        found = demo.poll()
        if found is not None and wanted(found):
            return found
    raise AssertionError(f"within {WITHIN_S} s the status never became as expected. The last one was {found}")


def find_check(found: dict[str, Any], name: str) -> dict[str, Any]:
    """One check of a status, by its code."""
    return next(each for each in found["checks"] if each["code"] == name)
