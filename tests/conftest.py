"""Shared fixtures. Property tests have no deadline, because benchmarks measure time. How many examples they try: examples.py."""

import gc
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings

from mqtt.centre.sqlite.ledger import SqliteLedger
from tests.examples import examples
from tests.fakes.parts.control_server import FakeControlServer
from tests.fakes.processes import browser as browsers
from tests.fakes.processes.browser import Browser

settings.register_profile("everyday", deadline=None, max_examples=examples())
settings.load_profile("everyday")


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeControlServer]:
    """A fake daemon on the control socket in `tmp_path`. It records the commands."""
    with FakeControlServer(tmp_path) as found:
        yield found


@pytest.fixture
def centre_file(tmp_path: Path) -> Path:
    """Path of a centre's SQLite database, which does not exist yet."""
    return tmp_path / "centre.db"


@pytest.fixture
def ledger(centre_file: Path) -> Iterator[SqliteLedger]:
    """An open ledger in `centre_file`."""
    with closing(SqliteLedger(centre_file)) as opened:
        yield opened


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for all tests of a file."""
    with browsers.chromium() as found:
        yield found


if sys.version_info >= (3, 13):  # since then, a database that was left open warns when it is collected

    @pytest.fixture(scope="module", autouse=True)
    def _own_leaks() -> Iterator[None]:
        """What a file's tests left open is reported in that file, and not in any file that runs later."""
        yield
        gc.collect()
