"""A centre that enrols kiosks, with each kind of database."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.fakes.centre.enrolment import EnrolmentCentre
from tests.fakes.processes import postgres

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with postgres.server() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def centre(request: pytest.FixtureRequest, tmp_path: Path) -> EnrolmentCentre:
    """Set up, without any invitation."""
    if request.param == "sqlite":
        database = str(tmp_path / "centre.db")
    else:
        database = postgres.fresh_database(request.getfixturevalue("postgres_server"), f"enrolment{next(_NUMBERS)}")
    return EnrolmentCentre(tmp_path, database)
