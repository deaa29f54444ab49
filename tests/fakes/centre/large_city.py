"""A city of thousands of sites with millions of passages, made by SQL as hourly counts in PostgreSQL."""

from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from kiosk.core.rules import OpeningHours
from mqtt.centre.configuration.schema import prepare_configuration
from mqtt.centre.enrolment.schema import prepare_enrolment
from mqtt.centre.ingest.database import open_query
from mqtt.centre.registry.store import import_files
from tests.fakes.centre.city import SAMPLE_AREAS, add_accounts

OPEN_HOURS = (6, 20)
PASSAGES_PER_HOUR = 8.5
"""Of one device in one direction."""

_DEVICES = """
INSERT INTO device (topic_prefix, site, device, state, last_seen_at, software_version, clock_quality)
SELECT 'entrance', 's' || (n % {sites}), 'g' || (n / {sites}), 'ready', now(), '0.1.0', 'synchronised'
FROM generate_series(0, {devices} - 1) n
"""
_HOURS = """
FROM generate_series(date_trunc('hour', now()) - interval '{days} days', date_trunc('hour', now()), interval '1 hour') h, device
"""
_WHILE_OPEN = "extract(hour FROM h AT TIME ZONE 'Asia/Ho_Chi_Minh') BETWEEN {opens} AND {closes} - 1"
_PASSED = """
INSERT INTO hourly SELECT number, h, way, 'pass', 'ok', 'id-card', 8 + (number * 7 + extract(hour FROM h)::int) % 2
{hours}, (VALUES ('in'), ('out')) d (way) WHERE {is_open}
"""
_REFUSED = """
INSERT INTO hourly SELECT number, h, 'in', 'fail', 'expired', 'id-card', 1
{hours} WHERE {is_open} AND (number + extract(hour FROM h)::int) % 2 = 0
"""


@dataclass(frozen=True, slots=True)
class LargeCity:
    """What was made."""

    devices: int
    rows: int
    readings: int


def make_large_city(database: str, *, sites: int, devices: int, days: int) -> LargeCity:
    """Fill an empty PostgreSQL database. All devices are seen now. The rows stand in order of time, as an ingest writes them."""
    prepare_enrolment(database)
    prepare_configuration(database)
    codes = [line.split(",")[0] for line in SAMPLE_AREAS.decode().splitlines()[2:]]
    site_rows = [f"s{n},Địa điểm {n},{codes[n % len(codes)]},shop,mon-sun 06:00-20:00,2025-08-01" for n in range(sites)]
    device_rows = [f"s{n % sites}/g{n // sites},s{n % sites},Cổng {n // sites + 1},2025-08-01" for n in range(devices)]
    site_text = "\n".join(["site,title,area,kind,opening_hours,since", *site_rows])
    device_text = "\n".join(["device,site,title,since", *device_rows])
    with open_query(database) as query:
        named = [("areas.csv", SAMPLE_AREAS), ("sites.csv", site_text.encode()), ("devices.csv", device_text.encode())]
        import_files(query, named, OpeningHours.parse)
        add_accounts(query, datetime.now(UTC))
    words = {
        "hours": _HOURS.format(days=days),
        "is_open": _WHILE_OPEN.format(opens=OPEN_HOURS[0], closes=OPEN_HOURS[1]),
    }
    with psycopg.connect(database) as connection:
        connection.execute(_DEVICES.format(sites=sites, devices=devices).encode())
        connection.execute(_PASSED.format(**words).encode())
        connection.execute(_REFUSED.format(**words).encode())
        found = connection.execute("SELECT count(*), sum(n) FROM hourly").fetchone()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    assert found
    return LargeCity(devices, int(found[0]), int(found[1]))
