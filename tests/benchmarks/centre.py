"""Rows of the benchmark of the centre's pages: a city of 10,000 devices and 50 million passages in PostgreSQL."""

import resource
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

from tests.benchmarks.parts.centre_watchers import measure_watchers
from tests.benchmarks.table import Row, goal_row
from tests.fakes.centre.large_city import make_large_city
from tests.fakes.centre.pages import make_app, visiting
from tests.fakes.processes import postgres
from web_ui.centre.access import centre_context
from web_ui.centre.data.calendar import local_day
from web_ui.centre.data.refresher import KEPT_DAYS

SITES, DEVICES, DAYS = 4000, 10_000, 21
QUICK_SHARE = 20
"""A quick run has this part of the sites and devices. Its numbers say little about a city."""
REQUESTS = 20
WATCHED_S = 60.0


def run(quick: bool) -> list[Row]:
    """Times of requests inside the process, without the network."""
    share = QUICK_SHARE if quick else 1
    with postgres.server(durable=True) as server:
        database = postgres.fresh_database(server, "city")
        city = make_large_city(database, sites=SITES // share, devices=DEVICES // share, days=DAYS - 1)
        rows = [
            Row("devices", city.devices),
            Row("readings in the hourly counts", city.readings),
            Row("rows of the hourly counts", city.rows),
        ]
        rows += _measure(database)
        return rows + measure_watchers(database, SITES // share, DEVICES // share, WATCHED_S / (6 if quick else 1))


def _measure(database: str) -> list[Row]:
    app = make_app(database)
    with app.app_context():
        reader, days = centre_context().reader, centre_context().days
    today = local_day(datetime.now(UTC))
    began_s = time.perf_counter()
    while days.refresh(today, KEPT_DAYS):
        pass
    warm_s = time.perf_counter() - began_s
    first_ms, refresh_ms = _times(reader.refresh, 1), _times(reader.refresh, 5)
    with visiting(app, "viewer-46") as client:
        city_ms = _times(lambda: client.get("/areas/46"), REQUESTS)
        ward_ms = _times(lambda: client.get("/areas/19753"), REQUESTS)
        site_ms = _times(lambda: client.get("/sites/s0"), REQUESTS)
        page_kb = len(client.get("/areas/46").data) / 1000
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        goal_row("city page, p95", _p95(city_ms), "ms", "<= 300"),
        goal_row("ward page of 21 days, p95", _p95(ward_ms), "ms", "<= 300"),
        Row("site page of 21 days, p95", _p95(site_ms), "ms"),
        Row("first reading of the city", first_ms[0], "ms"),
        Row("reading the city again (every 5 s while a reader looks), median", statistics.median(refresh_ms), "ms"),
        Row("reading 21 days into memory, once", warm_s, "s"),
        goal_row("city page without files", page_kb, "kB", "<= 120"),
        goal_row("memory of the process, with the benchmark", memory_mb, "MB", "<= 150"),
    ]


def _times(act: Callable[[], object], count: int) -> list[float]:
    found = []
    for _ in range(count):
        began_s = time.perf_counter()
        act()
        found.append(1000 * (time.perf_counter() - began_s))
    return found


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1]
