"""Errors of a broker: what it lacks for a device, and one log line for each."""

import logging

from mqtt.connection import BrokerRefusedError, Connected

log = logging.getLogger(__name__)

REPEAT_LOG_AFTER_S = 3600.0
"""An error that lasts is logged again after this time."""
MAX_REMEMBERED_ERRORS = 50


class ErrorLog:
    """Logs each error once, also when several errors alternate."""

    def __init__(self) -> None:
        self._logged_s: dict[str, float] = {}

    def error(self, text: str, now_s: float) -> None:
        """Log the error, unless it was logged less than REPEAT_LOG_AFTER_S ago. `now_s`: monotonic."""
        before_s = self._logged_s.get(text)
        if before_s is not None and now_s - before_s < REPEAT_LOG_AFTER_S:
            return
        if len(self._logged_s) >= MAX_REMEMBERED_ERRORS:
            self._logged_s.clear()
        self._logged_s[text] = now_s
        log.error("%s", text)


def require_device_features(connected: Connected) -> None:
    """Raises BrokerRefusedError where the broker cannot carry events with acknowledgement (MQTT 5 section 3.2.2.3.4)."""
    if connected.maximum_qos < 1:
        raise BrokerRefusedError(
            "the broker offers only QoS 0; events need QoS 1. Use another broker or change its limits"
        )


def reason_code(failure: str) -> str:
    """The MQTT name of a reason code as a wire value, such as `packet-too-large`."""
    return failure.lower().replace(" ", "-")
