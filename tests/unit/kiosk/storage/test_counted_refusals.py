"""Refusals of a flood that got no event of their own stand in a notice."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiosk.core.ports import StoreError
from kiosk.storage import SqliteEventStore

AT = datetime(2026, 11, 27, 8, tzinfo=UTC)


def test_the_counts_of_one_day_add_up_in_one_notice(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path / "events.db", boot_id="boot")
    store.add_counted_refusals(3, AT)
    store.add_counted_refusals(40, AT.replace(hour=9))
    (notice,) = store.notices()
    assert (notice.kind, notice.count, notice.first_seq, notice.last_seq) == ("refusals-counted", 43, None, None)
    assert store.purged_count() == 0, "nothing was deleted"
    store.close()


def test_a_count_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path / "events.db", boot_id="boot")
    store.close()
    with pytest.raises(StoreError):
        store.add_counted_refusals(1, AT)
