"""What tests share: no property test fails for being slow (benchmarks measure time), a daemon that only listens, a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests import browser as browsers
from tests.browser import Browser
from tests.daemons import Ordered

settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Ordered]:
    """A daemon's end of the control socket in `tmp_path`, which keeps what it was ordered."""
    with Ordered(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for all tests of a file."""
    with browsers.chromium() as found:
        yield found
