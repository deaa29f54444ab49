"""Workers turned by hand, one step of each after the other, until something is so."""

from collections.abc import Callable


def until(done: Callable[[], bool], *steps: Callable[[], object], tries: int = 3000) -> None:
    """Raises AssertionError where it is not so after that many turns."""
    for _ in range(tries):
        if done():
            return
        for step in steps:
            step()
    raise AssertionError("it did not come to that")
