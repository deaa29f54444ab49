"""What a running centre does for tracing: it ends cases whose time is over, and asks devices to forget."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from mqtt.centre.ingest.database import open_query
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.centre.tracing.cases.cases import expire_cases
from mqtt.centre.tracing.cases.schema import prepare_tracing
from mqtt.centre.tracing.erasure.forgetting import forget_on_devices
from mqtt.printable_text import printable

log = logging.getLogger(__name__)
INTERVAL_S = 30.0


class ErasureSchedule:
    """The thread of the collector calls it. The tables are made at the start. Raises LedgerError there."""

    def __init__(
        self,
        database: str,
        *,
        now_at: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        prepare_tracing(database)
        self._database, self._now_at, self._clock = database, now_at, clock
        self._due_s = 0.0

    def run_if_due(self) -> None:
        """Every half minute. A database that cannot be used now is tried again."""
        if self._clock() < self._due_s:
            return
        self._due_s = self._clock() + INTERVAL_S
        try:
            with open_query(self._database) as query:
                ended = expire_cases(query, self._now_at())
            asked = forget_on_devices(self._database, self._now_at())
        except LedgerError as error:
            log.error("erasures wait until the database can be used: %s", printable(str(error)))
            return
        for number in ended:
            log.info("case %s has ended", number)
        if asked:
            log.info("asked %s devices to forget", asked)
