"""Loaded by every Python of `make test-clocks`: libfaketime 0.9.10 breaks time.sleep where the monotonic clock stays real."""

import select
import time
from typing import SupportsIndex


def _sleep(seconds: SupportsIndex | float, /) -> None:
    select.select((), (), (), float(seconds))


time.sleep = _sleep
