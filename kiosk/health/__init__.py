"""Self-check: measurements give health checks, and the checks give the device state and the watchdog decision."""

from kiosk.health.checks import device_state, evaluate, should_feed_watchdog
from kiosk.health.measurements import HealthThresholds, Measurements
from kiosk.health.monitors import CameraMonitor, ClockMonitor, WebMonitor
from kiosk.health.release_notice import ReleaseNotices

__all__ = [
    "CameraMonitor",
    "ClockMonitor",
    "HealthThresholds",
    "Measurements",
    "ReleaseNotices",
    "WebMonitor",
    "device_state",
    "evaluate",
    "should_feed_watchdog",
]
