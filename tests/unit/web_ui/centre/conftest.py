"""A small city and its pages."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask

from mqtt.centre.ingest.database import open_query
from tests.fakes.centre.city import make_city, mark_seen
from tests.fakes.centre.pages import make_app


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="session")
def city_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the database of the city, made once."""
    folder = tmp_path_factory.mktemp("city")
    make_city(str(folder / "city.db"), datetime.now(UTC))
    return folder


@pytest.fixture
def city(city_files: Path, tmp_path: Path, now: datetime) -> str:
    """A database of its own for each test. Its devices were seen just now."""
    for path in city_files.glob("city.db*"):
        shutil.copy(path, tmp_path)
    database = str(tmp_path / "city.db")
    with open_query(database) as query:
        mark_seen(query, now)
    return database


@pytest.fixture
def app(city: str) -> Flask:
    return make_app(city)
