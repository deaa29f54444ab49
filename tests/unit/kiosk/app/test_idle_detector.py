"""Idle mode: it begins without people, the sensor or motion ends it, and a stuck sensor is detected."""

from collections.abc import Iterator

import pytest
from gpiozero.pins.mock import MockFactory
from hypothesis import given
from hypothesis import strategies as st

from kiosk import config
from kiosk.app.builders.hardware import build_presence_sensor
from kiosk.app.sources.idle_detector import SENSOR_HOLD_S, STUCK_OFF_AFTER_DECISIONS, STUCK_ON_AFTER_S, IdleDetector
from kiosk.hardware.gpio.presence_sensor import PresenceSensor
from tests.fakes.hardware.idle_camera import IdleCamera


class TimedDetector:
    """An idle detector with a manual clock."""

    def __init__(self, rest_after_s: float = 60.0) -> None:
        self.s = 0.0
        self.presence = IdleDetector(rest_after_s, now_s=lambda: self.s)

    def after(self, seconds: float) -> IdleDetector:
        self.s += seconds
        return self.presence


def test_decoding_becomes_idle_only_after_a_time_without_sensor_and_motion() -> None:
    timed = TimedDetector()
    timed.presence.on_sensor_change(False)
    assert not timed.after(59.0).is_idle
    assert timed.after(2.0).is_idle
    timed.presence.on_motion()
    assert not timed.presence.is_idle
    assert timed.after(61.0).is_idle
    timed.presence.on_sensor_change(True)
    assert not timed.presence.is_idle
    assert not timed.after(1000.0).is_idle


def test_until_the_first_report_of_the_sensor_it_is_not_idle() -> None:
    assert not TimedDetector().after(1000.0).is_idle


def test_a_sensor_that_misses_several_people_is_stuck_off_and_idle_mode_is_disabled() -> None:
    timed = TimedDetector()
    timed.presence.on_sensor_change(False)
    timed.after(SENSOR_HOLD_S + 1.0).on_decisions(STUCK_OFF_AFTER_DECISIONS - 1)
    assert timed.presence.stuck_state == ""
    timed.presence.on_decisions(STUCK_OFF_AFTER_DECISIONS)
    assert timed.presence.stuck_state == "off"
    assert not timed.after(1000.0).is_idle
    timed.presence.on_sensor_change(True)
    assert timed.presence.stuck_state == ""


def test_a_decision_shortly_after_the_sensor_was_active_is_not_missed() -> None:
    timed = TimedDetector()
    for people in range(1, 20):
        timed.presence.on_sensor_change(True)
        timed.presence.on_sensor_change(False)
        timed.after(5.0).on_decisions(people)
    assert timed.presence.stuck_state == ""


def test_a_sensor_that_is_active_for_hours_without_motion_is_stuck_on() -> None:
    timed = TimedDetector()
    timed.presence.on_sensor_change(True)
    assert timed.after(STUCK_ON_AFTER_S - 1.0).stuck_state == ""
    assert timed.after(2.0).stuck_state == "on"
    timed.presence.on_motion()
    assert timed.presence.stuck_state == ""


@given(st.lists(st.tuples(st.floats(0.0, 100.0), st.sampled_from(["here", "gone", "moved", "answered"])), max_size=40))
def test_for_any_events_it_is_not_idle_within_a_minute_of_sensor_or_motion(events: list[tuple[float, str]]) -> None:
    timed, last_s, here, decisions = TimedDetector(60.0), 0.0, True, 0
    for gap_s, event in events:
        timed.s += gap_s
        if event in ("here", "gone"):
            here = event == "here"
            timed.presence.on_sensor_change(here)
            last_s = timed.s
        elif event == "moved":
            timed.presence.on_motion()
            last_s = timed.s
        else:
            decisions += 1
            timed.presence.on_decisions(decisions)
        assert timed.presence.is_idle <= (not here and timed.s - last_s >= 60.0)


@pytest.fixture
def idle_camera() -> Iterator[IdleCamera]:
    idle_camera = IdleCamera(rest_s=3600.0)
    yield idle_camera
    idle_camera.close()


def test_the_sensor_ends_idle_mode_at_once(idle_camera: IdleCamera) -> None:
    idle_camera.wait_until_idle()
    idle_camera.presence.on_sensor_change(True)
    assert idle_camera.frame_slot.take(10.0) is not None  # the pause itself would have been an hour


def test_a_failed_sensor_delays_a_frame_by_at_most_one_idle_interval() -> None:
    idle_camera = IdleCamera(rest_s=0.3)
    idle_camera.wait_until_idle()
    idle_camera.hall.walker = True
    frames = [idle_camera.frame_slot.take(10.0) for _ in range(2)]
    assert all(frames)
    assert not idle_camera.presence.is_idle, "motion ends idle mode"
    idle_camera.close()


def test_an_idle_worker_ends_when_it_is_closed(idle_camera: IdleCamera) -> None:
    idle_camera.wait_until_idle()


class TestSensor:
    def test_it_reports_its_state_and_each_change(self) -> None:
        factory = MockFactory()
        pin = factory.pin(7)
        reports: list[bool] = []
        sensor = PresenceSensor(7, factory, reports.append)
        pin.drive_low()
        pin.drive_high()
        sensor.close()
        assert reports == [True, False, True]

    @pytest.mark.parametrize(("high", "pull"), [(True, "up"), (False, "down")])
    def test_a_cut_wire_counts_as_a_person(self, high: bool, pull: str) -> None:
        factory = MockFactory()
        reports: list[bool] = []
        sensor = PresenceSensor(7, factory, reports.append, active_high=high)
        assert factory.pin(7).pull == pull
        assert reports == [True]
        sensor.close()
        sensor.close()

    def test_the_configured_sensor_is_opened_and_without_one_there_is_none(self) -> None:
        reports: list[bool] = []
        assert build_presence_sensor(config.GpioSettings(pin_factory="mock"), reports.append) is None
        sensor = build_presence_sensor(config.GpioSettings(pin_factory="mock", presence_sensor=7), reports.append)
        assert sensor is not None
        assert reports == [True]
        sensor.close()

    def test_a_sensor_on_the_pin_of_a_lamp_is_rejected(self) -> None:
        with pytest.raises(ValueError, match="both on pin 17"):
            config.GpioSettings(presence_sensor=17)
