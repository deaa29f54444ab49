"""Both buttons held together: only for long enough, without a break, and neither acts alone meanwhile."""

import threading

from gpiozero.pins.mock import MockFactory
from hypothesis import given
from hypothesis import strategies as st

from kiosk.hardware.gpio.both_held import BothHeld, HoldTimer
from kiosk.hardware.gpio.buttons import open_buttons


@given(presses=st.lists(st.tuples(st.booleans(), st.floats(0.01, 3.0)), max_size=40))
def test_it_fires_once_for_each_hold_that_is_long_enough(presses: list[tuple[bool, float]]) -> None:
    timer, held_s, expected, fired = HoldTimer(5.0), 0.0, 0, 0
    for held, elapsed_s in presses:
        before = held_s
        held_s = held_s + elapsed_s if held else 0.0
        expected += held and before < 5.0 <= held_s
        fired += timer.advance(elapsed_s, held=held)
    assert fired == expected


def test_while_both_are_down_neither_button_acts_alone() -> None:
    factories = {5: MockFactory(), 6: MockFactory()}
    order = iter(factories.values())
    acted: list[int] = []
    buttons = open_buttons({5: lambda: acted.append(5), 6: lambda: acted.append(6)}, lambda: next(order))
    done = threading.Event()
    both = BothHeld(0.2, done.set)
    both.watch(buttons)
    for pin, factory in factories.items():
        factory.pin(pin).drive_low()
    assert done.wait(20)
    assert [button.is_overridden() for button in buttons] == [True, True]
    for button in buttons:
        button._handle_hold()
    assert acted == []
    factories[5].pin(5).drive_high()
    while buttons[1].is_overridden():
        """The button is debounced."""
    buttons[1]._handle_hold()
    assert 6 in acted
    both.close()
    for button in buttons:
        button.close()
