"""What one device sends wrongly again and again is one line an hour."""

import logging
from io import StringIO

from mqtt.centre.ingest.culprit_log import MAX_REMEMBERED, REPEAT_AFTER_S, CulpritFilter
from tests.fakes.parts.connection import ManualClock


class Log:
    """A logger with the filter, on a clock that the test advances."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.text = StringIO()
        handler = logging.StreamHandler(self.text)
        handler.addFilter(CulpritFilter(lambda: self.clock.s))
        self.logger = logging.Logger("centre")  # noqa: LOG001  not in the tree of the test run
        self.logger.addHandler(handler)

    def lines(self) -> list[str]:
        return self.text.getvalue().splitlines()


def test_a_line_about_a_device_comes_once_an_hour_with_the_number_of_the_others() -> None:
    log = Log()
    for _ in range(500):
        log.logger.warning("%s: an invalid message to %s was dropped: %s", "gate-1", "state", "not-json")
        log.clock.advance(7.0)
    assert len(log.lines()) == 1
    log.clock.advance(REPEAT_AFTER_S)
    log.logger.warning("%s: an invalid message to %s was dropped: %s", "gate-1", "state", "not-json")
    assert log.lines()[1].endswith("not-json (and 499 times since this line)")


def test_other_devices_and_other_causes_have_lines_of_their_own() -> None:
    log = Log()
    for _ in range(3):
        for device in ("gate-1", "gate-2"):
            for cause in ("not-json", "too-large"):
                log.logger.error("%s: dropped: %s", device, cause)
    assert len(log.lines()) == 4


def test_lines_about_the_centre_itself_always_come() -> None:
    log = Log()
    for _ in range(3):
        log.logger.warning("no connection to the broker: %s", "refused")
        log.logger.info("%s: connected", "centre")
    assert len(log.lines()) == 6


def test_the_memory_is_limited() -> None:
    log = Log()
    for number in range(MAX_REMEMBERED + 1):
        log.logger.warning("%s: bad", number)
    log.logger.warning("%s: bad", 0)
    assert len(log.lines()) == MAX_REMEMBERED + 2
