"""The report of any period: on the page, as CSV and as a workbook, with days of which nothing can be known."""

import csv
import io
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from kiosk.core.model import ClockQuality, ClockReading, Direction, Outcome, Reason
from kiosk.storage import SqliteEventStore
from kiosk.storage.availability_log import AvailabilityEntry, AvailabilityLog, AvailabilityState
from kiosk.storage.queries.availability import AvailabilityData
from kiosk.system.translations import languages, translator
from tests.fakes.data.access_events import an_event
from tests.fakes.data.status_snapshots import a_status, browsing, publish
from web_ui.kiosk.data.availability_report import report_days
from web_ui.kiosk.pages.report.period import MAX_DAYS, Period, PeriodError, parse_period, presets
from web_ui.settings import DEFAULT_ZONE

TODAY = date(2026, 3, 5)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Set up two days ago; three people today: in, out, refused."""
    path, now = tmp_path / "p.db", datetime.now(UTC)
    store = SqliteEventStore(path)
    started = ClockReading(now - timedelta(days=2), 1.0, ClockQuality.SYNCHRONISED)
    AvailabilityLog(path).append(
        AvailabilityEntry(started, AvailabilityState.SERVING, lists_stale=False, process_start=True)
    )
    decisions = [
        (Outcome.PASS, Reason.OK, Direction.IN),
        (Outcome.PASS, Reason.OK, Direction.OUT),
        (Outcome.FAIL, Reason.EXPIRED, None),
    ]
    for number, (outcome, reason, direction) in enumerate(decisions, 1):
        decided = replace(an_event(number), outcome=outcome, reason=reason, direction=direction, occurred_at=now)
        store.commit(decided)
    store.close()
    publish(tmp_path, a_status())
    return path


def today() -> date:
    return datetime.now(DEFAULT_ZONE).date()


def query(client: FlaskClient, path: str, **fields: str) -> str:
    return client.get(path, query_string={"lang": "en", **fields}).text


@pytest.mark.parametrize("language", languages())
def test_a_month_has_its_sums_its_reasons_and_the_days_before_the_installation(database: Path, language: str) -> None:
    t = translator(language)
    since = str(today() - timedelta(days=20))
    with browsing(database.parent, database=database) as client:
        text = query(client, "/report", since=since, until=str(today()), lang=language)
    assert text.count(t("report.not-installed")) == 18
    assert t("reason-label.expired") in text
    assert f"<dt>{t('report.ins')}</dt><dd>1</dd>" in text
    assert f"<dt>{t('report.refused')}</dt><dd>1</dd>" in text
    assert 'class="figure heat-5">2' in text


def test_the_files_have_the_same_days_with_numbers_as_numbers(database: Path) -> None:
    fields = {"since": str(today() - timedelta(days=3)), "until": str(today()), "lang": "en"}
    with browsing(database.parent, database=database) as client:
        rows = list(csv.reader(io.StringIO(client.get("/report.csv", query_string=fields).text.lstrip("\ufeff"))))
        answer = client.get("/report.xlsx", query_string=fields)
    book = load_workbook(io.BytesIO(answer.data))
    days, refusals = book.worksheets
    newest = [cell.value for cell in days[2]]
    assert newest[0] == str(today())
    assert newest[2:7] == [2, 1, 1, 0, 1]
    assert days.max_row == 5
    assert days.cell(5, 10).value == "Not installed yet"
    assert [cell.value for cell in refusals[2]] == ["Expired", 1]
    assert rows[0] == ["By day"]
    assert rows[2][:7] == [str(today()), "Open all day", "2", "1", "1", "0", "1"]
    assert f"report-{fields['since']}-{fields['until']}.xlsx" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("since", "until"), [("x", ""), ("2026-13-01", ""), ("2026-01-02", "2026-01-01"), ("2020-01-01", "2026-01-01")]
)
def test_a_wrong_period_gets_a_sentence_and_no_file(database: Path, since: str, until: str) -> None:
    with browsing(database.parent, database=database) as client:
        answer = client.get("/report", query_string={"since": since, "until": until, "lang": "en"})
        assert answer.status_code == 400
        assert "at most 366 days" in answer.text
        assert client.get("/report.csv", query_string={"since": since, "until": until}).status_code == 400


@given(st.text(max_size=12) | st.dates().map(str), st.text(max_size=12) | st.dates().map(str))
def test_any_dates_give_a_period_up_to_today_or_an_error(since: str, until: str) -> None:
    try:
        period = parse_period({"since": since, "until": until}, TODAY)
    except PeriodError:
        return
    assert 1 <= period.days <= MAX_DAYS
    assert period.last <= TODAY


def test_the_periods_that_people_ask_for() -> None:
    assert presets(TODAY)["last-month"] == Period(date(2026, 2, 1), date(2026, 2, 28))
    assert presets(TODAY)["month"] == Period(date(2026, 3, 1), TODAY)
    assert parse_period({}, TODAY).days == 7


def test_a_day_whose_records_were_deleted_shows_no_number_as_if_it_were_true() -> None:
    now = datetime(2026, 11, 23, 5, tzinfo=UTC)
    kept_since = datetime(2026, 11, 21, 3, tzinfo=UTC)
    data = AvailabilityData((), Counter(), {}, counted_since_at=kept_since)
    days = report_days(data, now, online=True, zone=UTC, opening_hours=(), count=4)
    assert [day.counted for day in days] == [False, False, True, True]
