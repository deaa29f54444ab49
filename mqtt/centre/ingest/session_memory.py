"""Remembers what a centre has subscribed to: the broker keeps its session, and the subscriptions of an earlier start with it."""

import logging
from collections.abc import Sequence

from mqtt.centre.ingest.database import open_query
from mqtt.centre.ingest.ledger_error import LedgerError

log = logging.getLogger(__name__)

_TABLE = (
    "CREATE TABLE IF NOT EXISTS subscribed_filter "
    "(centre TEXT NOT NULL, topic_filter TEXT NOT NULL, PRIMARY KEY (centre, topic_filter))"
)
_SHARED = "$share/"


def prepare_memory(database: str) -> None:
    """Make the table where it is missing. Raises LedgerError."""
    with open_query(database) as query:
        query(_TABLE)


class SubscriptionMemory:
    """The filters that a centre of this name has ever subscribed to, in its database. One thread.

    A filter is never forgotten: with several brokers each may have a session of its own. UNSUBSCRIBE from a filter that a session
    does not have is harmless (MQTT 5 section 3.10.4).
    """

    def __init__(self, database: str, name: str) -> None:
        self._database = database
        self._name = name

    def stale_filters(self, filters: Sequence[str]) -> list[str]:
        """What the session must not have, besides these filters. They are remembered from now on.

        Where the database cannot be written, only what follows from the filters is known. Never raises.
        """
        known = {one.split("/", 2)[2] for one in filters if one.startswith(_SHARED)}
        try:
            known |= self._remember(filters)
        except LedgerError as error:
            log.warning("the subscriptions of an earlier start are not known: %s", error)
        return sorted(known - set(filters))

    def _remember(self, filters: Sequence[str]) -> set[str]:
        with open_query(self._database) as query:
            query(_TABLE)
            rows = query("SELECT topic_filter FROM subscribed_filter WHERE centre = ?", [self._name])
            known = {str(row["topic_filter"]) for row in rows}
            for one in filters:
                if one not in known:
                    query("INSERT INTO subscribed_filter VALUES (?, ?)", [self._name, one])
        return known

    def forget(self) -> None:
        """The sessions of this name are ended. Raises LedgerError."""
        with open_query(self._database) as query:
            query(_TABLE)
            query("DELETE FROM subscribed_filter WHERE centre = ?", [self._name])
