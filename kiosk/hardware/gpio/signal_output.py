"""Drives lamps, buzzer and relay through gpiozero.

One thread, the player, drives all pins. Outputs start at their off level in one step (`initial_value`), because an active-low
relay board would click at each start if it saw an output without a level first.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from gpiozero import DigitalOutputDevice, TonalBuzzer
from gpiozero.pins import Factory
from gpiozero.tones import Tone

from kiosk.core.model import DeviceState, Outcome
from kiosk.core.pins import LAMP_PINS, default_pin
from kiosk.core.ports import SignalError
from kiosk.hardware.gpio.kernel_relay import KernelRelay
from kiosk.hardware.gpio.pattern_player import (
    ALL_OFF,
    DEFAULT_PATTERNS,
    Lamp,
    OutputState,
    PatternPlayer,
    SignalPattern,
)
from kiosk.hardware.gpio.pins import translate_pin_errors

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OutputPins:
    """BCM numbers of the outputs; None if nothing is connected. By default those of the wiring plan."""

    green: int = LAMP_PINS["green"]
    red: int = LAMP_PINS["red"]
    amber: int = LAMP_PINS["amber"]
    buzzer: int | None = default_pin("buzzer")
    relay: int | None = default_pin("relay")
    passive_buzzer: bool = False
    """It needs a tone (PWM). An active buzzer has its own."""
    active_high: bool = True
    """False for lamp boards that light on a low pin."""


class SignalOutput:
    """Implements ports.Signal. Any thread may call `show` and `set_idle_state`. Both return at once.

    Both raise SignalError once driving a pin has failed: the daemon must stop if a lamp no longer works.
    """

    def __init__(
        self,
        pins: OutputPins,
        factory: Factory,
        *,
        kernel_relay: KernelRelay | None = None,
        relay_pulse_s: float = 1.0,
        patterns: Mapping[Outcome | DeviceState, SignalPattern] = DEFAULT_PATTERNS,
        on_change: Callable[[OutputState], None] | None = None,
    ) -> None:
        """Takes the pins and shows `starting`. Owns `factory`. The player calls `on_change` with each new output state.

        `patterns`: others than those of `settings`. Raises SignalError if a pin is not available.
        """
        self._on_change = on_change
        has_relay = pins.relay is not None or kernel_relay is not None
        self._player = PatternPlayer(patterns, relay_s=relay_pulse_s if has_relay else 0.0)
        self._changed = threading.Condition()
        self._closing = False
        self._error: Exception | None = None
        self._output_state = ALL_OFF
        self._resources = ExitStack()
        with translate_pin_errors(), ExitStack() as held:
            held.callback(factory.close)
            self._devices = _OutputDevices(pins, kernel_relay, factory, held)
            self._resources = held.pop_all()
        self._thread = threading.Thread(target=self._run, name="lamps", daemon=True)
        self._thread.start()

    @property
    def output_state(self) -> OutputState:
        """The present output state. ALL_OFF after close."""
        return self._output_state

    @property
    def is_alive(self) -> bool:
        """Whether the player thread runs. Input of a health check."""
        return self._thread.is_alive()

    def show(self, outcome: Outcome) -> None:
        """Play the pattern of an outcome now."""
        with self._raising_driver_errors():
            self._player.show(outcome, time.monotonic())

    def set_idle_state(self, state: DeviceState) -> None:
        """Set what is shown between visitors."""
        with self._raising_driver_errors():
            self._player.set_idle_state(state)

    def close(self) -> None:
        """Switch all outputs off and release the pins. Does nothing if it is closed."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        self._resources.close()

    @contextmanager
    def _raising_driver_errors(self) -> Iterator[None]:
        with self._changed:
            if self._error is not None:
                raise SignalError(f"driving the outputs failed: {self._error}") from self._error
            yield
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            with self._changed:
                while not self._closing:
                    lit, delay_s = self._player.advance(time.monotonic())
                    self._apply(lit)
                    self._changed.wait(delay_s)
            self._apply(ALL_OFF)
        except Exception as error:  # noqa: BLE001  the next show() or set_idle_state() raises it, in the daemon's thread
            self._error = error
            _log.critical("signal output: driving a pin failed: %s", error)

    def _apply(self, output_state: OutputState) -> None:
        if output_state != self._output_state:
            self._devices.apply(output_state)
            self._output_state = output_state
            if self._on_change is not None:
                self._on_change(output_state)


class _OutputDevices:
    """The output devices. `resources` closes them in reverse order: relay first, lamps last."""

    def __init__(
        self, pins: OutputPins, kernel_relay: KernelRelay | None, factory: Factory, resources: ExitStack
    ) -> None:
        def output(pin: int) -> DigitalOutputDevice:
            device = DigitalOutputDevice(pin, active_high=pins.active_high, initial_value=False, pin_factory=factory)
            resources.callback(device.close)
            resources.callback(device.off)  # a closed pin is an input and floats: set its off level first
            return device

        self._lamps = {
            Lamp.GREEN: output(pins.green),
            Lamp.RED: output(pins.red),
            Lamp.AMBER: output(pins.amber),
        }
        self._buzzer: DigitalOutputDevice | None = None
        self._tones: TonalBuzzer | None = None
        if pins.buzzer is not None and not pins.passive_buzzer:
            self._buzzer = output(pins.buzzer)
        elif pins.buzzer is not None:
            self._tones = TonalBuzzer(pins.buzzer, octaves=3, pin_factory=factory)
            resources.callback(self._tones.close)
        self._relay = output(pins.relay) if pins.relay is not None else None
        self._kernel_relay = kernel_relay
        self._relay_on = False
        if self._kernel_relay is not None:
            resources.callback(self._kernel_relay.end_pulse)

    def apply(self, output_state: OutputState) -> None:
        """Off before on, so that two outcomes are never lit together."""
        self._set_relay(on=output_state.relay)
        for lamp, device in self._lamps.items():
            if lamp not in output_state.lamps:
                device.off()
        for lamp in output_state.lamps:
            self._lamps[lamp].on()
        if self._buzzer is not None:
            self._buzzer.value = output_state.tone_hz > 0
        if self._tones is not None:
            self._tones.play(Tone.from_frequency(output_state.tone_hz) if output_state.tone_hz else None)

    def _set_relay(self, *, on: bool) -> None:
        if self._relay is not None:
            self._relay.value = on
        if self._kernel_relay is not None and on and not self._relay_on:
            self._kernel_relay.start_pulse()  # the kernel ends it
        self._relay_on = on


def all_outputs_off(pins: OutputPins, factory: Factory, kernel_relay: KernelRelay | None = None) -> None:
    """Take the outputs at their off level and release them, after a daemon that died. Owns `factory`. Raises SignalError."""
    with translate_pin_errors(), ExitStack() as held:
        held.callback(factory.close)
        _OutputDevices(pins, kernel_relay, factory, held)
