"""A centre that enrols kiosks, with each kind of database."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from kiosk.enrolment.folder import EnrolmentFolder
from tests.fakes.centre.enrolment import EnrolmentCentre, LocalClient
from tests.fakes.enrolment.enrolling_kiosk import EnrollingKiosk
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


@pytest.fixture
def client(centre: EnrolmentCentre) -> LocalClient:
    return LocalClient(centre)


@pytest.fixture
def kiosk(centre: EnrolmentCentre, client: LocalClient, tmp_path: Path) -> EnrollingKiosk:
    return EnrollingKiosk(EnrolmentFolder(tmp_path / "enrolment"), client)
