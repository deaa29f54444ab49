"""The self-check: measures in, facts out; facts in, state and watchdog out."""

from kiosk.selfcheck.judge import judge, state_of, watchdog_may_be_fed
from kiosk.selfcheck.measures import Limits, Measures
from kiosk.selfcheck.watches import CameraWatch, ClockWatch, PageWatch

__all__ = ["CameraWatch", "ClockWatch", "Limits", "Measures", "PageWatch", "judge", "state_of", "watchdog_may_be_fed"]
