"""Arrays reach PostgreSQL unchanged, and messages of a known device use up no numbers."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mqtt.centre.postgres import arrays
from mqtt.centre.postgres.ledger import PostgresLedger
from mqtt.device_messages import StateMessage
from mqtt.topics import DeviceTopics
from tests.examples import examples
from tests.fakes.data.access_events import an_event
from tests.fakes.data.arrivals import arrival_of
from tests.fakes.processes import postgres

NOW = datetime.now(UTC)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
DAYS = st.dates(date(1970, 1, 1))
TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])) | st.sampled_from(
    ["", "NULL", "null", '"', "\\", "{}", "a,b", " x ", '\\"', "\n"]
)
TIMES = st.datetimes(
    datetime(1970, 1, 1),  # noqa: DTZ001 - the time zone is drawn
    datetime(2199, 12, 31),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=7)), timezone(timedelta(hours=-3, minutes=-30))]),
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with postgres.server() as started:
        yield started


def test_each_kind_of_array_comes_back_as_it_was(address: str) -> None:
    with psycopg.connect(address) as connection:

        @settings(max_examples=examples(60), deadline=None)
        @given(
            st.lists(INTEGERS), st.lists(FLOATS), st.lists(TEXTS), st.lists(TIMES), st.lists(st.uuids()), st.lists(DAYS)
        )
        def unchanged(  # noqa: PLR0917 - one list of each kind
            integers: list[int],
            floats: list[float],
            texts: list[str],
            times: list[datetime],
            uuids: list[UUID],
            days: list[date],
        ) -> None:
            found = connection.execute(
                "SELECT %s::bigint[], %s::float8[], %s::text[], %s::timestamptz[], %s::uuid[], %s::date[]",
                [
                    arrays.numbers(integers),
                    arrays.numbers(floats),
                    arrays.words(texts),
                    arrays.times(times),
                    arrays.uuids(uuids),
                    arrays.days(days),
                ],
            ).fetchone()
            assert found == (integers, floats, texts, times, uuids, days)

        unchanged()


def test_messages_of_known_devices_use_up_no_numbers_of_devices_and_streams(address: str) -> None:
    devices = [DeviceTopics("entrance", "dong-ba", f"gate-{number}") for number in range(3)]
    with closing(PostgresLedger(address)) as ledger:
        for seq in range(1, 21):
            ledger.record([arrival_of([(seq, an_event(seq))], NOW, branch=device) for device in devices])
            ledger.save_state(devices[0], StateMessage(state="ready"), NOW)
            ledger.recover()  # a start with an empty memory
    with psycopg.connect(address) as connection:
        counted = "SELECT max(d.number), count(DISTINCT d.number), max(s.number), count(*) FROM device d JOIN stream s ON true"
        assert connection.execute(counted).fetchone() == (3, 3, 3, 9)
        used = "SELECT device_number_seq.last_value, stream_number_seq.last_value FROM device_number_seq, stream_number_seq"
        assert connection.execute(used).fetchone() == (3, 3)
