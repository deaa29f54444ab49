"""Runs workers step by step in the thread of the test until a condition is true."""

from collections.abc import Callable


def until(done: Callable[[], bool], *steps: Callable[[], object], tries: int = 3000) -> None:
    """Raises AssertionError if the condition is still false after `tries` rounds."""
    for _ in range(tries):
        if done():
            return
        for step in steps:
            step()
    raise AssertionError("the condition never became true")
