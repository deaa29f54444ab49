"""The administrator's list of events: newest first, page by page, filtered, in local time."""

import dataclasses
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kiosk.storage import SqliteEventStore
from tests.fakes.data.access_events import a_store, an_event
from tests.fakes.parts.web_accounts import log_in, visiting
from web_ui.auth.accounts import Role


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    """A browser on a kiosk whose administrator and guard are set up."""
    with visiting(tmp_path) as browser:
        yield browser


def test_events_are_listed_newest_first_page_by_page_with_short_pseudonyms_only(
    tmp_path: Path, client: FlaskClient
) -> None:
    a_store(tmp_path / "p.db", 120).close()
    log_in(client, Role.ADMIN)
    seen: list[int] = []
    path = "/admin/events"
    while path:
        html = client.get(path).text
        seen += map(int, re.findall(r'class="figure">(\d+)</td></tr>', html))
        assert an_event(119).pseudonym.hex() not in html
        older = re.search(r'<a href="([^"]+)">Older', html)
        path = "/admin/events" + older[1].replace("&amp;", "&") if older else ""
    assert seen == list(range(120, 0, -1))


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("outcome=pass", 3),
        ("outcome=fail", 0),
        ("reason=expired", 0),
        ("since=2026-11-24", 0),
        ("since=2026-11-23&until=2026-11-23", 3),
        ("until=2026-11-22", 0),
    ],
)
def test_events_are_filtered_by_outcome_reason_and_local_day(
    tmp_path: Path, client: FlaskClient, query: str, count: int
) -> None:
    a_store(tmp_path / "p.db", 3).close()
    log_in(client, Role.ADMIN)
    assert client.get(f"/admin/events?{query}").text.count("</td></tr>") == count


@pytest.mark.parametrize(
    "query", ["outcome=x", "reason='--", "since=yesterday", "until=9999-12-31", "before=x", "since=0000"]
)
def test_a_filter_that_is_none_is_told_so(client: FlaskClient, query: str) -> None:
    log_in(client, Role.ADMIN)
    answer = client.get(f"/admin/events?{query}")
    assert answer.status_code == 400
    assert "Invalid filter." in answer.text


def test_events_between_two_days_of_local_time_do_not_use_utc(tmp_path: Path, client: FlaskClient) -> None:
    """01:00 UTC on the 23rd is 08:00 in Hue; 18:00 UTC on the 22nd is already the 23rd there."""

    store = SqliteEventStore(tmp_path / "p.db")
    store.commit(dataclasses.replace(an_event(1), occurred_at=datetime(2026, 11, 22, 16, 0, tzinfo=UTC)))
    store.commit(dataclasses.replace(an_event(2), occurred_at=datetime(2026, 11, 22, 18, 0, tzinfo=UTC)))
    store.close()
    log_in(client, Role.ADMIN)
    assert client.get("/admin/events?since=2026-11-23").text.count("</td></tr>") == 1
