"""`kiosk signal`: play a pattern on the configured lamps and buzzer, or switch everything off."""

import threading
from pathlib import Path

import click

from kiosk import config
from kiosk.app.builders import hardware
from kiosk.core.model import DeviceState, Outcome
from kiosk.hardware.gpio.pattern_player import DEFAULT_PATTERNS, Lamp, OutputState, SignalPattern

OFF = "off"
_KEYS: dict[str, Outcome | DeviceState] = {pattern.name: key for key, pattern in DEFAULT_PATTERNS.items()}
_PLACES = ((Lamp.RED, "RED"), (Lamp.AMBER, "AMBER"), (Lamp.GREEN, "GREEN"))  # left to right


def render_output(output: OutputState) -> str:
    """One line for a terminal: the lamps from left to right, and the sound."""
    cells = " ".join(f"[{name:^5}]" if lamp in output.lamps else f" {'.':^5} " for lamp, name in _PLACES)
    sound = f"  beep {output.tone_hz} Hz" if output.tone_hz else ""
    return f"  {cells}{sound}{'  relay' if output.relay else ''}"


def max_preview_s(pattern: SignalPattern) -> float:
    """Maximum duration of a preview: the one-time steps plus four seconds of the repeated ones."""
    return sum(step.duration_s for step in pattern.once) + 4.0


@click.command()
@click.argument("pattern", type=click.Choice([*_KEYS, OFF]))
@click.option(
    "--config", "path", type=click.Path(path_type=Path), default=config.DEFAULT_PATH, help="Configuration file."
)
@click.option("--mock", is_flag=True, help="Show the pattern here only. No pins and no configuration file are needed.")
@click.option("--relay", is_flag=True, help="Energise the relay too. A door may open.")
def signal(pattern: str, path: Path, *, mock: bool, relay: bool) -> None:
    """Play PATTERN once, as configured. The kiosk must not be running: it owns the pins (systemctl stop kiosk).

    `off` plays nothing. It takes the pins, switches lamps, buzzer and relay off, and releases the pins.
    """
    settings = config.GpioSettings(pin_factory="mock") if mock else config.load_settings(path).gpio
    if pattern != OFF and not relay:
        settings = settings.model_copy(update={"relay": None, "relay_led": None})
    if pattern == OFF:
        hardware.switch_signal_off(settings)
        click.echo("lamps, buzzer and relay are off", err=True)
    else:
        _play(_KEYS[pattern], settings)


def _play(key: Outcome | DeviceState, settings: config.GpioSettings) -> None:
    started, ended = threading.Event(), threading.Event()

    def print_output(output: OutputState) -> None:
        if output.pattern == key.value:
            started.set()
            click.echo(render_output(output))
        elif started.is_set():
            ended.set()

    driver = hardware.build_signal(settings, on_change=print_output)
    try:
        if isinstance(key, Outcome):
            driver.show(key)
        else:
            driver.set_idle_state(key)
        ended.wait(max_preview_s(hardware.signal_patterns(settings.patterns)[key]))
    finally:
        driver.close()
