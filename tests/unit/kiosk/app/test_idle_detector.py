"""The presence sensor: reading rests while nobody is there, whoever comes ends the rest, and a sensor that lies is found out."""

from collections.abc import Iterator

import pytest
from gpiozero.pins.mock import MockFactory
from hypothesis import given
from hypothesis import strategies as st

from kiosk import config
from kiosk.app.idle_detector import LATELY_S, MISSED, STUCK_ON_S, Presence
from kiosk.hardware.gpio.presence_sensor import PresenceSensor, open_presence
from tests.fakes.parts.idle_camera import RestingGate


class Watched:
    """A presence with a clock of its own."""

    def __init__(self, rest_after_s: float = 60.0) -> None:
        self.s = 0.0
        self.presence = Presence(rest_after_s, now_s=lambda: self.s)

    def after(self, seconds: float) -> Presence:
        self.s += seconds
        return self.presence


def test_reading_rests_only_after_a_while_without_anybody_by_sensor_and_by_picture() -> None:
    watched = Watched()
    watched.presence.sensed(False)
    assert not watched.after(59.0).resting
    assert watched.after(2.0).resting
    watched.presence.moved()
    assert not watched.presence.resting
    assert watched.after(61.0).resting
    watched.presence.sensed(True)
    assert not watched.presence.resting
    assert not watched.after(1000.0).resting


def test_until_the_sensor_spoke_somebody_is_there() -> None:
    assert not Watched().after(1000.0).resting


def test_a_sensor_that_sees_nobody_who_passes_is_stuck_off_and_nothing_rests_until_it_sees_somebody() -> None:
    watched = Watched()
    watched.presence.sensed(False)
    watched.after(LATELY_S + 1.0).answered(MISSED - 1)
    assert watched.presence.stuck == ""
    watched.presence.answered(MISSED)
    assert watched.presence.stuck == "off"
    assert not watched.after(1000.0).resting
    watched.presence.sensed(True)
    assert watched.presence.stuck == ""


def test_who_is_answered_just_after_the_sensor_saw_him_was_not_missed() -> None:
    watched = Watched()
    for people in range(1, 20):
        watched.presence.sensed(True)
        watched.presence.sensed(False)
        watched.after(5.0).answered(people)
    assert watched.presence.stuck == ""


def test_a_sensor_that_always_sees_somebody_before_a_picture_that_never_moves_is_stuck_on() -> None:
    watched = Watched()
    watched.presence.sensed(True)
    assert watched.after(STUCK_ON_S - 1.0).stuck == ""
    assert watched.after(2.0).stuck == "on"
    watched.presence.moved()
    assert watched.presence.stuck == ""


@given(st.lists(st.tuples(st.floats(0.0, 100.0), st.sampled_from(["here", "gone", "moved", "answered"])), max_size=40))
def test_whatever_happened_nothing_rests_within_a_minute_of_a_sign_of_life(events: list[tuple[float, str]]) -> None:
    watched, last_s, here, answers = Watched(60.0), 0.0, True, 0
    for gap_s, event in events:
        watched.s += gap_s
        if event in ("here", "gone"):
            here = event == "here"
            watched.presence.sensed(here)
            last_s = watched.s
        elif event == "moved":
            watched.presence.moved()
            last_s = watched.s
        else:
            answers += 1
            watched.presence.answered(answers)
        assert watched.presence.resting <= (not here and watched.s - last_s >= 60.0)


@pytest.fixture
def slow() -> Iterator[RestingGate]:
    gate = RestingGate(rest_s=3600.0)
    yield gate
    gate.close()


def test_whoever_the_sensor_sees_ends_the_rest_at_once(slow: RestingGate) -> None:
    slow.rest()
    slow.presence.sensed(True)
    assert slow.mailbox.take(10.0) is not None  # the pause itself would have been an hour


def test_a_sensor_that_died_makes_nobody_wait_longer_than_one_picture_at_the_resting_rate() -> None:
    gate = RestingGate(rest_s=0.3)
    gate.rest()
    gate.hall.walker = True
    frames = [gate.mailbox.take(10.0) for _ in range(2)]
    assert all(frames)
    assert not gate.presence.resting, "what moves in the picture ends the rest"
    gate.close()


def test_a_loop_that_rests_ends_when_it_is_closed(slow: RestingGate) -> None:
    slow.rest()


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
        sensor = PresenceSensor(7, factory, said.append, high=high)
        assert factory.pin(7).pull == pull
        assert said == [True]
        sensor.close()
        sensor.close()

    def test_the_configured_sensor_is_opened_and_without_one_there_is_none(self) -> None:
        said: list[bool] = []
        assert open_presence(config.Signal(pins="mock"), said.append) is None
        sensor = open_presence(config.Signal(pins="mock", presence=7), said.append)
        assert sensor is not None
        assert said == [True]
        sensor.close()

    def test_a_sensor_on_a_lamps_pin_is_a_mistake(self) -> None:
        with pytest.raises(ValueError, match="both on pin 17"):
            config.Signal(presence=17)
