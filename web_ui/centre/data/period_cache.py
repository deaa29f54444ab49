"""The figures of an area over some days, read at most once a minute for all readers."""

import threading
from collections import OrderedDict
from datetime import timedelta

from mqtt.centre.ingest.database import open_query
from mqtt.centre.registry.model import Area
from web_ui.centre.data.fleet import Fleet
from web_ui.centre.data.hours import SitePeriod, read_area_period

CACHE_AGE = timedelta(minutes=1)
MAX_ENTRIES = 128


class PeriodCache:
    """Any thread."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple[int, int], tuple[Fleet, list[SitePeriod]]] = OrderedDict()

    def read(self, fleet: Fleet, area: Area, days: int) -> list[SitePeriod]:
        """The sites of an area over some days, the most urgent first. States and counts of today are those of `fleet`.

        Raises LedgerError.
        """
        key = (area.number, days)
        with self._lock:
            found = self._found.get(key)
        if found is not None and found[0].registry is fleet.registry and fleet.at - found[0].at < CACHE_AGE:
            now = {site.name: site for site in fleet.sites_in(area)}
            return [
                SitePeriod(now[one.site.name], one.attendance, one.total) for one in found[1] if one.site.name in now
            ]
        with open_query(self._database) as query:
            periods = read_area_period(query, fleet, fleet.sites_in(area), days)
        with self._lock:
            self._found[key] = (fleet, periods)
            self._found.move_to_end(key)
            while len(self._found) > MAX_ENTRIES:
                self._found.popitem(last=False)
        return periods
