"""The self-check: measures in, facts out; facts in, state and watchdog out."""

from kiosk.health.checks import judge, state_of, watchdog_may_be_fed
from kiosk.health.measurements import Limits, Measures
from kiosk.health.monitors import CameraWatch, ClockWatch, PageWatch

__all__ = ["CameraWatch", "ClockWatch", "Limits", "Measures", "PageWatch", "judge", "state_of", "watchdog_may_be_fed"]
