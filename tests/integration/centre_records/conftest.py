"""A real, empty database of the centre, in SQLite and in PostgreSQL."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from mqtt.centre.enrolment.schema import prepare_enrolment
from tests.fakes.processes import postgres

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with postgres.server() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Its file or address, with all tables."""
    if request.param == "sqlite":
        found = str(tmp_path / "centre.db")
    else:
        found = postgres.fresh_database(request.getfixturevalue("postgres_server"), f"centre{next(_NUMBERS)}")
    prepare_enrolment(found)
    return found
