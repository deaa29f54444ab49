"""The pages read the tables as the ingest writes them, in SQLite and in PostgreSQL: from a real event to the page."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from flask import Flask

from mqtt.centre.ingest.database import open_query
from tests.fakes.centre.city import HourCount, add_hours, make_city
from tests.fakes.centre.pages import csrf, make_app, visiting

PAGES = (
    "/areas/46", "/areas/19753", "/sites/dong-ba", "/sites/dong-ba/devices/gate-1", "/alerts", "/audit", "/accounts",
    "/accounts/viewer-46", "/me",
)  # fmt: skip


@pytest.fixture
def app(database: str) -> Flask:
    make_city(database, datetime.now(UTC))
    return make_app(database)


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


@pytest.mark.parametrize("address", PAGES)
def test_every_page_is_read_from_this_database(app: Flask, address: str) -> None:
    with visiting(app, "admin-46") as client:
        assert client.get(address).status_code == 200
        assert client.get(f"{address}?format=main").status_code == 200


def test_counts_of_many_days_and_hours_are_summed_as_they_were_written(app: Flask, database: str) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with open_query(database) as query:
        add_hours(
            query,
            [
                HourCount("dong-ba/gate-1", hour - timedelta(hours=24 * ago), number, direction, result)
                for ago in range(20)
                for number, direction, result in ((7, "in", "pass"), (5, "out", "pass"), (3, "in", "fail"))
            ],
        )
    with visiting(app, "viewer-19753") as client:
        text = text_of(client.get("/sites/dong-ba").text)
        rows = client.get("/sites/dong-ba?format=csv").get_data(as_text=True).splitlines()
    assert "240 passages in this period · 20.0 % refused" in text
    assert len(rows) == 21
    assert all(row.endswith(",7,5,3") for row in rows[1:])


def test_an_account_is_added_and_used_and_its_acts_are_in_a_whole_chain(app: Flask, database: str) -> None:
    with visiting(app, "admin-46") as client:
        form = {"csrf": csrf(client), "name": "minh", "role": "auditor", "area": "46", "password": "mật khẩu thật dài"}
        assert client.post("/accounts", data=form).status_code == 302
    with visiting(app) as client:
        assert client.post("/sign-in", data={"name": "minh", "password": "mật khẩu thật dài"}).status_code == 302
        text = text_of(client.get("/audit").text)
    assert "admin-46 Added an account minh: auditor:46" in text
    assert "minh Signed in" in text
