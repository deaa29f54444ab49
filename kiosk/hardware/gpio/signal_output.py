"""Lamps, buzzer and relay on gpiozero, with a pin factory of its own: the Pi's pins, or mock pins on a laptop.

One thread, the player, drives all pins. Outputs start at their off level in one step (`initial_value`), because an
active-low relay board that sees an output without a level first would click at every start.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from gpiozero import DigitalOutputDevice, TonalBuzzer
from gpiozero.pins import Factory
from gpiozero.pins.mock import MockFactory, MockPWMPin
from gpiozero.tones import Tone

from kiosk import config
from kiosk.core.model import DeviceState, Outcome
from kiosk.core.ports import SignalError
from kiosk.hardware.gpio.kernel_relay import KernelRelay
from kiosk.hardware.gpio.pattern_player import ALL_OFF, Lamp, OutputState, PatternPlayer, SignalPattern, build_patterns

_BUSY_HINT = "; another program holds them: the kiosk itself (systemctl stop kiosk), or one that gpioinfo names"

_log = logging.getLogger(__name__)


class PinsUnavailableError(SignalError):
    """Nothing here can drive pins: no later attempt can succeed."""


class SignalOutput:
    """The lit truth; a ports.Signal. `show` and `rest` may come from any thread and return at once.

    Both raise SignalTrouble once driving a pin has failed: a lamp that no longer obeys must stop the daemon.
    """

    def __init__(
        self,
        settings: config.GpioSettings,
        factory: Factory,
        *,
        patterns: Mapping[Outcome | DeviceState, SignalPattern] | None = None,
        on_change: Callable[[OutputState], None] | None = None,
    ) -> None:
        """Takes the pins and shows `starting`. Owns `factory`. The player calls `seen` with everything that it shows.

        `patterns`: others than those of `settings`. Raises SignalTrouble where a pin cannot be had.
        """
        self._factory = factory
        self._on_change = on_change
        has_relay = settings.relay is not None or settings.relay_led is not None
        self._player = PatternPlayer(
            patterns or build_patterns(settings.patterns), relay_s=settings.relay_pulse_s if has_relay else 0.0
        )
        self._changed = threading.Condition()
        self._closing = False
        self._error: Exception | None = None
        self._output_state = ALL_OFF
        self._resources = ExitStack()
        with translate_pin_errors(), ExitStack() as held:
            held.callback(factory.close)
            self._pins = _OutputPins(settings, factory, held)
            self._resources = held.pop_all()
        self._thread = threading.Thread(target=self._run, name="lamps", daemon=True)
        self._thread.start()

    @property
    def output_state(self) -> OutputState:
        """What can be seen and heard now; DARK when closed."""
        return self._output_state

    @property
    def is_alive(self) -> bool:
        """Whether the player is at work; one of the facts of the self-check."""
        return self._thread.is_alive()

    def show(self, outcome: Outcome) -> None:
        """Play an outcome's pattern now."""
        with self._raising_driver_errors():
            self._player.show(outcome, time.monotonic())

    def set_idle_state(self, state: DeviceState) -> None:
        """What to show between people."""
        with self._raising_driver_errors():
            self._player.set_idle_state(state)

    def close(self) -> None:
        """All off, pins released; harmless when closed already."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        self._resources.close()

    @contextmanager
    def _raising_driver_errors(self) -> Iterator[None]:
        with self._changed:
            if self._error is not None:
                raise SignalError(f"the lamps do not obey: {self._error}") from self._error
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
        except Exception as trouble:  # noqa: BLE001  the next show() or rest() raises it, in the daemon's own thread
            self._error = trouble
            _log.critical("lamps: driving a pin failed: %s", trouble)

    def _apply(self, output_state: OutputState) -> None:
        if output_state != self._output_state:
            self._pins.apply(output_state)
            self._output_state = output_state
            if self._on_change is not None:
                self._on_change(output_state)


class _OutputPins:
    """The output devices. `held` closes them in reverse order: relay first, lamps last."""

    def __init__(self, settings: config.GpioSettings, factory: Factory, resources: ExitStack) -> None:
        def output(pin: int) -> DigitalOutputDevice:
            device = DigitalOutputDevice(
                pin, active_high=settings.active_high, initial_value=False, pin_factory=factory
            )
            resources.callback(device.close)
            resources.callback(device.off)  # a closed pin is an input, and floats: leave it at its off level
            return device

        self._lamps = {
            Lamp.GREEN: output(settings.green),
            Lamp.RED: output(settings.red),
            Lamp.AMBER: output(settings.amber),
        }
        self._buzzer: DigitalOutputDevice | None = None
        self._tones: TonalBuzzer | None = None
        if settings.buzzer is not None and settings.buzzer_kind == "active":
            self._buzzer = output(settings.buzzer)
        elif settings.buzzer is not None:
            self._tones = TonalBuzzer(settings.buzzer, octaves=3, pin_factory=factory)
            resources.callback(self._tones.close)
        self._relay = output(settings.relay) if settings.relay is not None else None
        self._kernel_relay = (
            KernelRelay(settings.relay_led, settings.relay_pulse_s, settings.leds_dir) if settings.relay_led else None
        )
        self._relay_on = False
        if self._kernel_relay is not None:
            resources.callback(self._kernel_relay.end_pulse)

    def apply(self, output_state: OutputState) -> None:
        """Off before on, so that two answers are never lit together."""
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


def open_signal(
    settings: config.GpioSettings, *, on_change: Callable[[OutputState], None] | None = None
) -> SignalOutput:
    """Take the configured pins and show `starting`. Raises SignalTrouble with a sentence that says what to do."""
    return SignalOutput(settings, open_pin_factory(settings), on_change=on_change)


def all_outputs_off(settings: config.GpioSettings, factory: Factory | None = None) -> None:
    """Take the pins at their off level and let them go: for whoever comes after a daemon that died. Raises SignalTrouble."""
    made = factory or open_pin_factory(settings)
    with translate_pin_errors(), ExitStack() as held:
        held.callback(made.close)
        _OutputPins(settings, made, held)


def open_pin_factory(settings: config.GpioSettings) -> Factory:
    """A pin factory of our own, never gpiozero's global one. Raises SignalTrouble where there are no usable pins."""
    if settings.pin_factory == "mock":
        return MockFactory(pin_class=_MockPin)
    with translate_pin_errors():
        try:
            from kiosk.hardware.gpio.lgpio_factory import PiPinFactory  # noqa: PLC0415  lgpio exists on a Pi only
        except ImportError as trouble:
            raise PinsUnavailableError(
                f"the pins need lgpio ({trouble}); on Raspberry Pi OS: sudo apt install python3-lgpio."
                ' On a laptop: gpio.pin_factory = "mock"'
            ) from trouble
        return PiPinFactory()


class _MockPin(MockPWMPin):  # type: ignore[misc]  # gpiozero has no types
    """Takes on and off as well as PWM, and records states as booleans where they are on or off."""

    def _set_state(self, value: float) -> None:
        super()._set_state(bool(value) if value in (0, 1) else value)


@contextmanager
def translate_pin_errors() -> Iterator[None]:
    """Whatever gpiozero or lgpio raises becomes SignalTrouble."""
    try:
        yield
    except SignalError:
        raise
    except Exception as trouble:  # lgpio.error derives from Exception alone, and exists on a Pi only
        raise SignalError(
            f"the pins cannot be had: {trouble}{_BUSY_HINT if 'busy' in str(trouble).lower() else ''}"
        ) from trouble
