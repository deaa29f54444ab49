"""The last day, counted from the real database without writing to it, and drawn as bars."""

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.core.model import ClockQuality, Direction, Outcome, Reason
from kiosk.storage import SqliteEventStore
from kiosk.system.translations import translator
from tests.fakes.data.access_events import an_event
from tests.fakes.data.status_snapshots import a_status, browsing, publish
from web_ui.i18n.formatting import LocaleFormatter
from web_ui.kiosk.data.hourly_counts import DayCounts, HourCounts, HourlyCounts
from web_ui.kiosk.pages import chart

HUE = ZoneInfo("Asia/Ho_Chi_Minh")
NOON = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)  # 12:30 in Hue


def keep(store: SqliteEventStore, *passages: tuple[datetime, Outcome]) -> None:
    for number, (at, outcome) in enumerate(passages):
        way = (Direction.IN if number % 2 == 0 else Direction.OUT) if outcome is Outcome.PASS else None
        reason = Reason.OK if outcome is Outcome.PASS else Reason.EXPIRED
        store.commit(
            dataclasses.replace(an_event(number), occurred_at=at, outcome=outcome, reason=reason, direction=way)
        )


def ago(hours: float) -> datetime:
    return NOON - timedelta(hours=hours)


def test_the_last_day_is_counted_by_local_hour_and_today_from_local_midnight(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path / "p.db")
    passes = [(ago(hours), Outcome.PASS) for hours in (30, 23.4, 13, 12.4, 2, 0.1)]
    keep(store, *passes, (ago(0.05), Outcome.FAIL))
    day = HourlyCounts(tmp_path / "p.db", HUE).last_day(NOON)
    store.close()
    assert day
    assert [hour.start_at.hour for hour in day.hours] == [*range(13, 24), *range(13)]
    assert sum(hour.outcomes.total() for hour in day.hours) == 6  # the first is too old
    assert day.hours[-1].outcomes == {"pass": 1, "fail": 1}
    assert day.today == {"pass": 3, "fail": 1}
    assert day.directions == {"out": 2, "in": 1}


def test_the_most_frequent_reasons_of_refusal_are_those_of_today(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path / "p.db")
    refusals = [
        (Reason.REVOKED, 1), (Reason.EXPIRED, 3), (Reason.MALFORMED, 2), (Reason.BAD_SIGNATURE, 1), (Reason.CLOSED, 0),
    ]  # fmt: skip
    number = 0
    for at, outcome in ((ago(20), Outcome.FAIL), (ago(1), Outcome.FAIL), (ago(1), Outcome.CHECK_AGAIN)):
        for reason, count in refusals:
            for _ in range(count if at == ago(1) else 9):
                number += 1
                event = an_event(number)
                store.commit(dataclasses.replace(event, occurred_at=at, outcome=outcome, reason=reason, direction=None))
    day = HourlyCounts(tmp_path / "p.db", HUE).last_day(NOON)
    store.close()
    assert day
    assert day.refusals == (("expired", 3), ("malformed", 2), ("bad-signature", 1))


@pytest.mark.parametrize("language", ["vi", "en"])
def test_the_page_names_the_reasons_of_refusal_in_words(tmp_path: Path, language: str) -> None:
    store = SqliteEventStore(tmp_path / "p.db")
    keep(store, *[(datetime.now(UTC), Outcome.FAIL)] * 4)
    store.close()
    publish(tmp_path, a_status())
    with browsing(tmp_path, database=tmp_path / "p.db") as client:
        html = client.get(f"/live/status/parts?lang={language}").json["occupancy"]  # type: ignore[index]
    t = translator(language)
    assert t("page.refusals") in html
    assert f"<dt>{t('reason-label.expired')}</dt><dd>4</dd>" in html


def test_yesterday_stands_beside_today_and_the_last_hours_stay_twenty_four(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path / "p.db")
    keep(store, *((ago(hours), Outcome.PASS) for hours in (38, 35, 1)), (ago(13), Outcome.FAIL))
    day = HourlyCounts(tmp_path / "p.db", HUE).last_day(NOON)
    store.close()
    assert day
    assert (day.yesterday, day.today) == ({"pass": 1, "fail": 1}, {"pass": 1})
    assert len(day.hours) == 24
    assert sum(hour.outcomes.total() for hour in day.hours) == 2


def test_a_passage_from_before_the_clock_was_set_is_not_today(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path / "p.db")
    keep(store, (datetime(1970, 1, 1, tzinfo=UTC), Outcome.PASS), (NOON + timedelta(days=900), Outcome.PASS))
    day = HourlyCounts(tmp_path / "p.db", HUE).last_day(NOON)
    store.close()
    assert day
    assert day.today.total() == 0


def test_a_reboot_without_a_clock_in_the_middle_of_the_day_hides_nothing(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path / "p.db")
    keep(store, (ago(3), Outcome.PASS), (ago(2), Outcome.PASS))
    for number in range(40):
        lost = dataclasses.replace(
            an_event(number), occurred_at=datetime(1970, 1, 1, tzinfo=UTC), clock_quality=ClockQuality.UNSET
        )
        store.commit(lost)
    keep(store, (ago(1), Outcome.PASS))
    day = HourlyCounts(tmp_path / "p.db", HUE).last_day(NOON)
    store.close()
    assert day
    assert day.today == {"pass": 3}


@pytest.mark.parametrize("content", [None, b"", b"not a database" * 1000])
def test_without_a_database_the_page_says_so_and_does_not_make_one(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "p.db"
    if content is not None:
        path.write_bytes(content)
    publish(tmp_path, a_status())
    with browsing(tmp_path, database=path) as client:
        text = client.get("/", headers={"Accept-Language": "en"}).text
    assert "The event database cannot be read." in text
    assert path.exists() is (content is not None)


def test_counts_are_kept_for_seconds_and_then_counted_again(tmp_path: Path) -> None:
    store, now = SqliteEventStore(tmp_path / "p.db"), [100.0]
    history = HourlyCounts(tmp_path / "p.db", HUE, monotonic=lambda: now[0])
    first = history.last_day(NOON)
    keep(store, (ago(0.1), Outcome.PASS))
    assert history.last_day(NOON) is first
    now[0] += 5.0
    second = history.last_day(NOON)
    store.close()
    assert second
    assert second.today == {"pass": 1}


@given(counts=st.lists(st.tuples(*[st.integers(0, 100_000)] * 3), min_size=1, max_size=24))
def test_no_bar_is_higher_than_the_chart_and_blocks_stack_without_gaps(counts: list[tuple[int, ...]]) -> None:
    from collections import Counter

    hours = tuple(
        HourCounts(NOON + timedelta(hours=i), Counter(dict(zip(chart.OUTCOME_ORDER, three, strict=True))))
        for i, three in enumerate(counts)
    )
    drawn = chart.build_chart(DayCounts(hours), LocaleFormatter("en", HUE))
    for bar, three in zip(drawn.bars, counts, strict=True):
        assert bar.total == sum(three)
        assert len(bar.segments) == sum(1 for count in three if count)
        assert all(-0.01 <= block.y <= chart.HEIGHT for block in bar.segments)
        for below, above in zip(bar.segments, bar.segments[1:], strict=False):
            assert above.y + above.height == pytest.approx(below.y, abs=0.02)
