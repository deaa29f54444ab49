"""The small city with sealed passages of a morning at the market, in SQLite and in PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from kiosk.core.model import ClockQuality, Outcome
from tests.fakes.centre.city import make_city
from tests.fakes.centre.traced_events import BUOI, MIT, OI, Station, Step, record_walks, write_key
from tests.fakes.processes import postgres

_NUMBERS = count(1)
MORNING = (datetime.now(UTC) - timedelta(days=2)).replace(hour=2, minute=0, second=0, microsecond=0)
"""09:00 in the city."""
WALKS = (
    Step(BUOI, 0),
    Step(OI, 10, wire_name="dong-ba/gate-2"),
    Step(MIT, 20, outcome=Outcome.FAIL),
    Step(MIT, 25, is_undone=True),
    Step(OI, 60, "out", clock=ClockQuality.SYNCHRONISED),
    Step(BUOI, 90, "out", wire_name="dong-ba/gate-2", qid="162979388586171100"),
    Step(MIT, 300, wire_name="phu-xuan/gate-1"),
    Step(MIT, 20, wire_name="vy-da/gate-1"),
)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with postgres.server() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def station(request: pytest.FixtureRequest, tmp_path: Path) -> Station:
    """A city, the commands of tracing, and a private sealing key in `key.pem`."""
    if request.param == "sqlite":
        database = str(tmp_path / "centre.db")
    else:
        database = postgres.fresh_database(request.getfixturevalue("postgres_server"), f"tracing{next(_NUMBERS)}")
    make_city(database, datetime.now(UTC))
    record_walks(database, write_key(tmp_path / "key.pem"), MORNING, WALKS)
    return Station(database, tmp_path)


def sealing_key(station: Station) -> X25519PrivateKey:
    """The private key of this city."""
    key = load_pem_private_key((station.folder / "key.pem").read_bytes(), None)
    assert isinstance(key, X25519PrivateKey)
    return key
