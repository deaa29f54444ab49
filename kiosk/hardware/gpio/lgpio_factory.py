"""The Pi's pins through lgpio: an output starts at its off level and is pulled to it when its program dies.

Three properties of gpiozero 2.0.1 that its mock pins do not show (docs/decisions/0031). Its lgpio pin first becomes a low
output and gets its level later: boards that light on a low pin flash, and a relay clicks. It switches the pull off: the output
of a dead program floats. And all its factories share their pins: closing a button's factory takes the pins of the lamps away.
"""

from collections import defaultdict
from threading import Lock
from typing import Any

# lgpio exists on a Pi only. Importing it makes a pipe named .lgd-nfy0 in the working folder and fails if that is read-only.
import lgpio  # type: ignore[import-not-found]  # it has no types either
from gpiozero.pins.lgpio import LGPIOFactory, LGPIOPin


class PiPin(LGPIOPin):  # type: ignore[misc]  # gpiozero has no types
    """One pin. Raises lgpio.error if another program has it."""

    def __init__(self, factory: Any, info: Any) -> None:
        self._off_pull: int | None = None
        super().__init__(factory, info)

    def output_with_state(self, state: float) -> None:
        """Become an output at this level in one request to the kernel. It is the off level, because outputs start off."""
        self._off_pull = lgpio.SET_PULL_UP if state else lgpio.SET_PULL_DOWN
        self._free_line()
        lgpio.gpio_claim_output(self.factory.handle, self._number, int(bool(state)), self._off_pull)

    def close(self) -> None:
        """An output becomes an input that is pulled to the off level."""
        if self._off_pull is None or self.factory.handle is None:
            super().close()
            return
        self._free_line()
        lgpio.gpio_claim_input(self.factory.handle, self._number, self._off_pull)

    def _set_function(self, value: str) -> None:
        if value == "output":
            self.output_with_state(0)  # a passive buzzer: its off level is low on all boards
        else:
            super()._set_function(value)

    def _free_line(self) -> None:
        """lgpio changes the pull of a pin only when it claims it again."""
        lgpio.gpio_free(self.factory.handle, self._number)


class PiPinFactory(LGPIOFactory):  # type: ignore[misc]
    """The pins of one owner. `close` does not touch others."""

    def __init__(self) -> None:
        """Open the chip. Raises lgpio.error, and gpiozero's errors on other machines than a Pi."""
        super().__init__()
        self.pins: dict[Any, Any] = {}
        self._reservations: dict[Any, list[Any]] = defaultdict(list)
        self._res_lock = Lock()
        self.pin_class = PiPin

    @property
    def handle(self) -> int | None:
        """lgpio's handle of the chip. None after close."""
        found: int | None = self._handle
        return found
