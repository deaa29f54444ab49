"""Checks that the input pins are available, before the daemon opens buttons and presence sensor."""

from collections.abc import Iterable
from contextlib import closing

from gpiozero.pins import Factory

from kiosk.hardware.gpio.pins import translate_pin_errors


def probe_inputs(pins: Iterable[int], factory: Factory) -> None:
    """Open and close each configured input, without edge detection. Raises SignalError."""
    with translate_pin_errors(), closing(factory) as opened:
        for pin in pins:
            opened.pin(pin)
