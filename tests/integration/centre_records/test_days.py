"""The days in memory are what the hourly counts say, for any counts, in both databases, also when devices move between sites."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk.core.rules import OpeningHours
from mqtt.centre.ingest.database import open_query
from mqtt.centre.registry.store import import_files, read_rows
from mqtt.centre.registry.tree import make_registry
from mqtt.centre.schema_parts import is_postgres
from tests.fakes.centre.city import HourCount, add_device, add_hours, make_city
from web_ui.centre.data.calendar import midnight
from web_ui.centre.data.day_cache import FRESH_S, DayCache, read_day
from web_ui.centre.data.fleet import Counts, Fleet, read_fleet
from web_ui.centre.data.hours import read_area_period, read_site_report

DAY = date(2026, 11, 20)
START = midnight(DAY)
HOURS = st.integers(-3, 26)
COUNTS = st.dictionaries(
    st.tuples(
        st.sampled_from(["dong-ba/gate-1", "dong-ba/gate-2"]),
        HOURS,
        st.sampled_from(["in", "out"]),
        st.sampled_from(["pass", "fail"]),
    ),
    st.integers(1, 1000),
    max_size=12,
)


def fleet_of(database: str, now: datetime) -> Fleet:
    with open_query(database) as query:
        return read_fleet(query, make_registry(read_rows(query)), now)


def prepare(database: str) -> dict[str, int]:
    with open_query(database) as query:
        query("DELETE FROM hourly")
        if not query("SELECT 1 FROM device"):
            for name in ("dong-ba/gate-1", "dong-ba/gate-2"):
                add_device(query, name, START)
        return {f"{row['site']}/{row['device']}": row["number"] for row in query("SELECT * FROM device")}


def hour_counts(counts: Iterable[tuple[tuple[str, int, str, str], int]]) -> list[HourCount]:
    return [HourCount(name, START + timedelta(hours=hour), n, way, result) for (name, hour, way, result), n in counts]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(counts=COUNTS)
def test_a_day_in_memory_is_what_the_rows_of_that_day_say(
    database: str, counts: dict[tuple[str, int, str, str], int]
) -> None:
    numbers = prepare(database)
    with open_query(database) as query:
        add_hours(query, hour_counts(counts.items()))
        found = read_day(query, DAY, is_postgres=is_postgres(database))
    for name, number in numbers.items():
        expected, mask = Counts(), 0
        for (gate, hour, way, result), n in counts.items():
            if gate == name and 0 <= hour < 24:
                passed = result == "pass"
                mask |= passed << hour
                expected += Counts(n * (passed and way == "in"), n * (passed and way == "out"), n * (not passed))
        assert found.mask(number) == mask
        assert found.counts(number) == expected


def test_the_ward_and_the_site_agree_hour_by_hour(database: str) -> None:
    now = START + timedelta(days=1, hours=9)
    make_city(database, now)
    with open_query(database) as query:
        add_hours(
            query, [HourCount("dong-ba/gate-1", START + timedelta(hours=hour), hour + 1) for hour in range(0, 33, 3)]
        )
    fleet = fleet_of(database, now)
    site = fleet.sites["dong-ba"]
    (period,) = read_area_period(DayCache(database), fleet, [site], 7)
    with open_query(database) as query:
        report = read_site_report(query, fleet, site, 7)
    assert period.total == report.total
    assert period.attendance == report.attendance
    assert period.total.passed > 0


def test_counts_before_a_move_stay_with_the_old_site(database: str) -> None:
    now = START + timedelta(days=3, hours=9)
    make_city(database, now)
    moved_on = DAY + timedelta(days=1)
    text = f"device,site,title,since\ndong-ba/gate-2,phu-xuan,Cổng phụ,{moved_on}\n"
    with open_query(database) as query:
        import_files(query, [("move.csv", text.encode())], OpeningHours.parse)
        hours = [START + timedelta(days=day, hours=8) for day in range(3)]
        add_hours(query, [HourCount("dong-ba/gate-2", hour, 10) for hour in hours])
    fleet = fleet_of(database, now)
    sites = [fleet.sites["dong-ba"], fleet.sites["phu-xuan"]]
    periods = {one.site.name: one for one in read_area_period(DayCache(database), fleet, sites, 7)}
    assert (periods["dong-ba"].total.passed, periods["phu-xuan"].total.passed) == (10, 20)
    with open_query(database) as query:
        assert [read_site_report(query, fleet, site, 7).total.passed for site in sites] == [10, 20]
    assert "Chợ Đông Ba" not in fleet.registry.full_title("dong-ba/gate-2", fleet.day)


def test_late_records_are_seen_after_some_refreshes(database: str) -> None:
    make_city(database, START)
    clock = [0.0]
    cache = DayCache(database, lambda: clock[0])
    days = [DAY - timedelta(days=ago) for ago in reversed(range(7))]
    while cache.refresh(DAY, 7):
        pass
    with open_query(database) as query:
        number = query("SELECT number FROM device WHERE site = 'dong-ba' AND device = 'gate-1'")[0]["number"]
        add_hours(query, [HourCount("dong-ba/gate-1", START - timedelta(days=5, hours=-1), 3)])
    assert cache.read(days)[1].counts(number) == Counts()
    for _ in range(7):
        clock[0] += FRESH_S
        cache.refresh(DAY, 7)
    assert cache.read(days)[1].counts(number) == Counts(3, 0, 0)


def test_today_is_never_older_than_two_minutes_without_a_refresh(database: str) -> None:
    make_city(database, START)
    clock = [0.0]
    cache = DayCache(database, lambda: clock[0])
    cache.read([DAY])
    with open_query(database) as query:
        number = query("SELECT number FROM device WHERE site = 'dong-ba' AND device = 'gate-1'")[0]["number"]
        add_hours(query, [HourCount("dong-ba/gate-1", START, 3)])
    assert cache.read([DAY])[0].counts(number) == Counts()
    clock[0] = 2 * FRESH_S
    assert cache.read([DAY])[0].counts(number) == Counts(3, 0, 0)
