"""A query about a time reads the partitions of its days alone, whatever the retention."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from mqtt.centre.postgres.ledger import PostgresLedger
from mqtt.centre.tracing.search.passages import GatePeriod, PassageReader
from mqtt.topics import DeviceTopics
from tests.fakes.data.access_events import an_event
from tests.fakes.data.arrivals import arrival_of
from tests.fakes.processes import postgres

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Three weeks of 20 gates."""
    with postgres.server() as address_:
        with closing(PostgresLedger(address_)) as ledger:
            for day in range(21):
                at = NOW - timedelta(days=day)
                for gate in range(20):
                    numbered = []
                    for number in range(30):
                        seq = day * 30 + number + 1
                        id_ = UUID(int=int(at.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62 | gate << 32 | seq)
                        numbered.append((seq, replace(an_event(seq), id=id_, occurred_at=at)))
                    device = DeviceTopics("entrance", f"site-{gate}", "gate-1")
                    ledger.record([arrival_of(numbered, at, branch=device)])
        with psycopg.connect(address_, autocommit=True) as connection:
            connection.execute("ANALYZE")
        yield address_


def statement_of(since_at: datetime, until_at: datetime, device: int) -> tuple[bytes, list[Any]]:
    """What tracing asks the database for one gate and a period."""
    asked: list[tuple[bytes, list[Any]]] = []

    def query(statement: str, values: Sequence[object] = ()) -> list[dict[str, Any]]:
        asked.append((statement.replace("?", "%s").encode(), list(values)))
        return []

    gate = GatePeriod(device, "site-3/gate-1", "site-3", since_at, until_at)
    list(PassageReader(query, is_postgres=True).read([gate], since_at, until_at))
    return asked[0]


def test_tracing_reads_three_days_and_the_index_of_what_has_no_right_time(address: str) -> None:
    since_at = NOW - timedelta(days=5, hours=1)
    with psycopg.connect(address, options="-c TimeZone=UTC") as connection:
        number = connection.execute("SELECT number FROM device WHERE site = 'site-3'").fetchone()
        assert number
        statement, values = statement_of(since_at, since_at + timedelta(hours=2), number[0])
        assert len(connection.execute(statement, values).fetchall()) == 30
        found = connection.execute(b"EXPLAIN (FORMAT JSON) " + statement, values).fetchone()
    assert found is not None
    scans = set(partition_scans(found[0][0]["Plan"]))
    wanted = {f"event_{since_at + timedelta(days=day):%Y%m%d}" for day in (-1, 0, 1)}
    read = {partition for partition, index in scans if not index.endswith("boot_id_idx")}
    assert read - {"event_other_days"} <= wanted
    assert len(scans) > len(read), "the others are looked up by the index of the events without a right time"


def partition_scans(node: Any) -> Iterator[tuple[str, str]]:
    """Each partition that the plan reads, with the index that it uses there."""
    children = node.get("Plans", [])
    if str(node.get("Relation Name", "")).startswith("event_"):
        indexes = [one.get("Index Name", "") for one in (node, *children)]
        yield node["Relation Name"], max(indexes)
    for child in children:
        yield from partition_scans(child)
