"""The presence sensor: reading rests while nobody is there, whoever comes ends the rest, and a sensor that lies is found out."""

from collections.abc import Iterator

import pytest
from gpiozero.pins.mock import MockFactory
from hypothesis import given
from hypothesis import strategies as st

from kiosk import config
from kiosk.app.builders.hardware import build_presence_sensor
from kiosk.app.idle_detector import SENSOR_HOLD_S, STUCK_OFF_AFTER_DECISIONS, STUCK_ON_AFTER_S, IdleDetector
from kiosk.hardware.gpio.presence_sensor import PresenceSensor
from tests.fakes.parts.idle_camera import IdleCamera


class Watched:
    """A presence with a clock of its own."""

    def __init__(self, rest_after_s: float = 60.0) -> None:
        self.s = 0.0
        self.presence = IdleDetector(rest_after_s, now_s=lambda: self.s)

    def after(self, seconds: float) -> IdleDetector:
        self.s += seconds
        return self.presence


def test_reading_rests_only_after_a_while_without_anybody_by_sensor_and_by_picture() -> None:
    watched = Watched()
    watched.presence.on_sensor_change(False)
    assert not watched.after(59.0).is_idle
    assert watched.after(2.0).is_idle
    watched.presence.on_motion()
    assert not watched.presence.is_idle
    assert watched.after(61.0).is_idle
    watched.presence.on_sensor_change(True)
    assert not watched.presence.is_idle
    assert not watched.after(1000.0).is_idle


def test_until_the_sensor_spoke_somebody_is_there() -> None:
    assert not Watched().after(1000.0).is_idle


def test_a_sensor_that_sees_nobody_who_passes_is_stuck_off_and_nothing_rests_until_it_sees_somebody() -> None:
    watched = Watched()
    watched.presence.on_sensor_change(False)
    watched.after(SENSOR_HOLD_S + 1.0).on_decisions(STUCK_OFF_AFTER_DECISIONS - 1)
    assert watched.presence.stuck_state == ""
    watched.presence.on_decisions(STUCK_OFF_AFTER_DECISIONS)
    assert watched.presence.stuck_state == "off"
    assert not watched.after(1000.0).is_idle
    watched.presence.on_sensor_change(True)
    assert watched.presence.stuck_state == ""


def test_who_is_answered_just_after_the_sensor_saw_him_was_not_missed() -> None:
    watched = Watched()
    for people in range(1, 20):
        watched.presence.on_sensor_change(True)
        watched.presence.on_sensor_change(False)
        watched.after(5.0).on_decisions(people)
    assert watched.presence.stuck_state == ""


def test_a_sensor_that_always_sees_somebody_before_a_picture_that_never_moves_is_stuck_on() -> None:
    watched = Watched()
    watched.presence.on_sensor_change(True)
    assert watched.after(STUCK_ON_AFTER_S - 1.0).stuck_state == ""
    assert watched.after(2.0).stuck_state == "on"
    watched.presence.on_motion()
    assert watched.presence.stuck_state == ""


@given(st.lists(st.tuples(st.floats(0.0, 100.0), st.sampled_from(["here", "gone", "moved", "answered"])), max_size=40))
def test_whatever_happened_nothing_rests_within_a_minute_of_a_sign_of_life(events: list[tuple[float, str]]) -> None:
    watched, last_s, here, answers = Watched(60.0), 0.0, True, 0
    for gap_s, event in events:
        watched.s += gap_s
        if event in ("here", "gone"):
            here = event == "here"
            watched.presence.on_sensor_change(here)
            last_s = watched.s
        elif event == "moved":
            watched.presence.on_motion()
            last_s = watched.s
        else:
            answers += 1
            watched.presence.on_decisions(answers)
        assert watched.presence.is_idle <= (not here and watched.s - last_s >= 60.0)


@pytest.fixture
def slow() -> Iterator[IdleCamera]:
    gate = IdleCamera(rest_s=3600.0)
    yield gate
    gate.close()


def test_whoever_the_sensor_sees_ends_the_rest_at_once(slow: IdleCamera) -> None:
    slow.wait_until_idle()
    slow.presence.on_sensor_change(True)
    assert slow.frame_slot.take(10.0) is not None  # the pause itself would have been an hour


def test_a_sensor_that_died_makes_nobody_wait_longer_than_one_picture_at_the_resting_rate() -> None:
    gate = IdleCamera(rest_s=0.3)
    gate.wait_until_idle()
    gate.hall.walker = True
    frames = [gate.frame_slot.take(10.0) for _ in range(2)]
    assert all(frames)
    assert not gate.presence.is_idle, "what moves in the picture ends the rest"
    gate.close()


def test_a_loop_that_rests_ends_when_it_is_closed(slow: IdleCamera) -> None:
    slow.wait_until_idle()


class TestSensor:
    def test_it_tells_what_it_sees_and_what_changes(self) -> None:
        factory = MockFactory()
        pin = factory.pin(7)
        said: list[bool] = []
        sensor = PresenceSensor(7, factory, said.append)
        pin.drive_low()
        pin.drive_high()
        sensor.close()
        assert said == [True, False, True]

    @pytest.mark.parametrize(("high", "pull"), [(True, "up"), (False, "down")])
    def test_a_cut_wire_says_somebody(self, high: bool, pull: str) -> None:
        factory = MockFactory()
        said: list[bool] = []
        sensor = PresenceSensor(7, factory, said.append, active_high=high)
        assert factory.pin(7).pull == pull
        assert said == [True]
        sensor.close()
        sensor.close()

    def test_the_configured_sensor_is_opened_and_without_one_there_is_none(self) -> None:
        said: list[bool] = []
        assert build_presence_sensor(config.GpioSettings(pin_factory="mock"), said.append) is None
        sensor = build_presence_sensor(config.GpioSettings(pin_factory="mock", presence_sensor=7), said.append)
        assert sensor is not None
        assert said == [True]
        sensor.close()

    def test_a_sensor_on_a_lamps_pin_is_a_mistake(self) -> None:
        with pytest.raises(ValueError, match="both on pin 17"):
            config.GpioSettings(presence_sensor=17)
