"""Opens the pin factory, the Pi's or a mock one, and translates the errors of GPIO libraries."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from gpiozero.pins import Factory
from gpiozero.pins.mock import MockFactory, MockPWMPin

from kiosk.core.ports import SignalError

_BUSY_HINT = ". Another program uses them: the kiosk itself (systemctl stop kiosk), or one that gpioinfo shows"


class PinsUnavailableError(SignalError):
    """This machine has no usable pins. No later attempt can succeed."""


def open_pin_factory(kind: Literal["lgpio", "mock"] = "lgpio") -> Factory:
    """Our own pin factory, never gpiozero's global one. Raises SignalError if there are no usable pins."""
    if kind == "mock":
        return MockFactory(pin_class=_MockPin)
    with translate_pin_errors():
        try:
            from kiosk.hardware.gpio.lgpio_factory import PiPinFactory  # noqa: PLC0415  lgpio exists on a Pi only
        except ImportError as error:
            raise PinsUnavailableError(
                f"the pins need lgpio ({error}). On Raspberry Pi OS: sudo apt install python3-lgpio."
                ' On a laptop: gpio.pin_factory = "mock"'
            ) from error
        return PiPinFactory()


class _MockPin(MockPWMPin):  # type: ignore[misc]  # gpiozero has no types
    """Accepts on and off besides PWM, and records on and off states as booleans."""

    def _set_state(self, value: float) -> None:
        super()._set_state(bool(value) if value in (0, 1) else value)


@contextmanager
def translate_pin_errors() -> Iterator[None]:
    """Translate all errors of gpiozero and lgpio into SignalError."""
    try:
        yield
    except SignalError:
        raise
    except Exception as error:  # lgpio.error derives from Exception only, and exists on a Pi only
        raise SignalError(
            f"GPIO pins unavailable: {error}{_BUSY_HINT if 'busy' in str(error).lower() else ''}"
        ) from error
