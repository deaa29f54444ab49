"""What several files of tests ask for; and no property test fails for being slow, since benchmarks measure time."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings

from mqtt.centre.ingest.ledger import SqliteLedger
from tests.fakes.parts.control_server import Ordered
from tests.fakes.processes import browser as browsers
from tests.fakes.processes.browser import Browser

settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Ordered]:
    """A daemon's end of the control socket in `tmp_path`, which keeps what it was ordered."""
    with Ordered(tmp_path) as found:
        yield found


@pytest.fixture
def centre_file(tmp_path: Path) -> Path:
    """Where a centre keeps its ledger on SQLite; nothing is there yet."""
    return tmp_path / "centre.db"


@pytest.fixture
def ledger(centre_file: Path) -> Iterator[SqliteLedger]:
    """The ledger in `centre_file`, open."""
    with closing(SqliteLedger(centre_file)) as opened:
        yield opened


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for all tests of a file."""
    with browsers.chromium() as found:
        yield found
