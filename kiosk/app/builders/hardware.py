"""Builds camera, scanner, signal output, buttons and presence sensor from `[camera]`, `[scanner]` and `[gpio]`."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from kiosk import config
from kiosk.core import pins
from kiosk.core.model import DeviceState, Outcome
from kiosk.core.ports import Camera, CodeScanner
from kiosk.core.status import HealthCheck
from kiosk.hardware.cameras.factory import create_camera
from kiosk.hardware.gpio.both_held import BothHeld
from kiosk.hardware.gpio.buttons import GuardButton, OpenPinFactory, open_buttons, read_button_states
from kiosk.hardware.gpio.input_probe import probe_inputs
from kiosk.hardware.gpio.kernel_relay import KernelRelay
from kiosk.hardware.gpio.pattern_player import OutputState, SignalPattern, build_patterns
from kiosk.hardware.gpio.pins import open_pin_factory
from kiosk.hardware.gpio.presence_sensor import PresenceSensor
from kiosk.hardware.gpio.signal_output import OutputPins, SignalOutput, all_outputs_off
from kiosk.hardware.scanners.factory import create_scanner
from kiosk.health.firmware_pins import FIRMWARE_CONFIG_FILE, check_firmware_pins

BUTTONS = ("admit_button", "undo_button")


def build_camera(camera: config.CameraSettings) -> Camera:
    """The camera, not open yet. Raises CameraError if it can never be opened, for example without its library."""
    return create_camera(
        camera.source,
        width=camera.width,
        height=camera.height,
        frames_per_s=camera.frames_per_s,
        flicker_hz=camera.flicker_hz,
        rotation=camera.rotation,
    )


def build_scanner(settings: config.Settings) -> CodeScanner | None:
    """The scanner, not open yet. None: this device has a camera only."""
    source = settings.scanner_source
    return create_scanner(source, baud_rate=settings.scanner.baud_rate) if source else None


def build_signal(gpio: config.GpioSettings, *, on_change: Callable[[OutputState], None] | None = None) -> SignalOutput:
    """Open the pins of lamps, buzzer and relay and show `starting`. Raises SignalError with what to do."""
    return SignalOutput(
        output_pins(gpio),
        open_pin_factory(gpio.pin_factory),
        kernel_relay=_kernel_relay(gpio),
        relay_pulse_s=gpio.relay_pulse_s,
        patterns=signal_patterns(gpio.patterns),
        on_change=on_change,
    )


def switch_signal_off(gpio: config.GpioSettings) -> None:
    """Set all outputs to their off level, for example after a crash of the daemon. Raises SignalError."""
    all_outputs_off(output_pins(gpio), open_pin_factory(gpio.pin_factory), _kernel_relay(gpio))


def output_pins(gpio: config.GpioSettings) -> OutputPins:
    """The pins of the outputs."""
    return OutputPins(
        green=gpio.green,
        red=gpio.red,
        amber=gpio.amber,
        buzzer=gpio.buzzer,
        relay=gpio.relay,
        passive_buzzer=gpio.buzzer_kind == "passive",
        active_high=gpio.active_high,
    )


def signal_patterns(patterns: config.PatternSettings) -> Mapping[Outcome | DeviceState, SignalPattern]:
    """The patterns of all outcomes and states."""
    return build_patterns(
        {name: getattr(patterns, f"{name}_pattern") for name in (*config.PATTERN_NAMES, "starting")},
        {name: getattr(patterns, f"{name}_hz") for name in config.PATTERN_NAMES},
    )


def build_buttons(
    gpio: config.GpioSettings,
    *,
    on_admit: Callable[[], object],
    on_undo: Callable[[], object],
    on_both: BothHeld | None = None,
    make_factory: OpenPinFactory | None = None,
) -> tuple[GuardButton, ...]:
    """Open the configured buttons of the guard. The caller closes them. Raises SignalError and then holds no pin.

    `on_both`: what follows when both are held. Without it, or with one button only, each acts for itself.
    """
    wanted = ((gpio.admit_button, on_admit), (gpio.undo_button, on_undo))
    actions = {pin: on_hold for pin, on_hold in wanted if pin is not None}
    opened = open_buttons(actions, make_factory or partial(open_pin_factory, gpio.pin_factory))
    if on_both is not None and len(opened) == len(wanted):
        on_both.watch(opened)
    return opened


def button_states(gpio: config.GpioSettings) -> Mapping[str, bool]:
    """Key of each connected button in `[gpio]` -> True if it is pressed. Raises SignalError."""
    connected = {name: pin for name in BUTTONS if (pin := getattr(gpio, name)) is not None}
    return read_button_states(connected, partial(open_pin_factory, gpio.pin_factory))


def build_presence_sensor(gpio: config.GpioSettings, on_change: Callable[[bool], object]) -> PresenceSensor | None:
    """Open the presence sensor. None if none is configured. Raises SignalError."""
    if gpio.presence_sensor is None:
        return None
    factory = open_pin_factory(gpio.pin_factory)
    return PresenceSensor(gpio.presence_sensor, factory, on_change, active_high=gpio.presence_active_high)


def check_inputs(gpio: config.GpioSettings) -> None:
    """Check that the pins of the connected inputs are free. Raises SignalError."""
    inputs = [pin for name in pins.INPUT_PINS if (pin := getattr(gpio, name)) is not None]
    if inputs:
        probe_inputs(inputs, open_pin_factory(gpio.pin_factory))


def check_firmware(gpio: config.GpioSettings, path: Path = FIRMWARE_CONFIG_FILE) -> HealthCheck | None:
    """Check that the firmware drives the outputs to their off level before Linux runs. None if that does not apply."""
    if gpio.pin_factory != "lgpio":
        return None
    outputs = {name: pin for name in pins.OUTPUT_PINS if (pin := getattr(gpio, name)) is not None}
    return check_firmware_pins(
        outputs, active_high=gpio.active_high, passive_buzzer=gpio.buzzer_kind == "passive", path=path
    )


def _kernel_relay(gpio: config.GpioSettings) -> KernelRelay | None:
    return KernelRelay(gpio.relay_led, gpio.relay_pulse_s, gpio.leds_dir) if gpio.relay_led else None
