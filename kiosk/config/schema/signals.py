"""What a device shows and sounds: lamps, buzzer, relay, buttons and spoken answers."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from kiosk.config.schema.section import Section
from kiosk.config.volume_hours import VolumeHours
from kiosk.core import pins, signal_patterns
from kiosk.system.translations import languages

Pin = Annotated[int, Field(ge=0, le=27)]
ToneHz = Annotated[int, Field(ge=100, le=3500)]


class PatternSettings(Section):
    """Each pattern as pulses in seconds: `0.4!` lit with sound, `0.4` lit, `-0.4` dark. The lamps of a pattern are fixed."""

    pass_pattern: str = signal_patterns.DEFAULT_PATTERNS["pass"]
    """Right lamp. Patterns differ in the number of flashes and in their beeps. The limit is three flashes a second."""
    fail_pattern: str = signal_patterns.DEFAULT_PATTERNS["fail"]
    """Left lamp."""
    check_again_pattern: str = signal_patterns.DEFAULT_PATTERNS["check_again"]
    """Middle lamp."""
    out_of_order_pattern: str = signal_patterns.DEFAULT_PATTERNS["out_of_order"]
    """Left and middle lamp together, once. Then they stay lit."""
    starting_pattern: str = signal_patterns.DEFAULT_PATTERNS["starting"]
    """Two pulses: left lamp, middle lamp, repeated until the kiosk is ready."""
    pass_hz: ToneHz = signal_patterns.DEFAULT_TONES_HZ["pass"]
    """Tone on a passive buzzer. Tones differ by at least a tenth."""
    fail_hz: ToneHz = signal_patterns.DEFAULT_TONES_HZ["fail"]
    """Tone on a passive buzzer."""
    check_again_hz: ToneHz = signal_patterns.DEFAULT_TONES_HZ["check_again"]
    """Tone on a passive buzzer."""
    out_of_order_hz: ToneHz = signal_patterns.DEFAULT_TONES_HZ["out_of_order"]
    """Tone on a passive buzzer."""

    @model_validator(mode="after")
    def _check_distinguishable(self) -> Self:
        errors: list[str] = []
        patterns: dict[str, tuple[signal_patterns.Pulse, ...]] = {}
        for name in (*PATTERN_NAMES, "starting"):
            key = f"gpio.patterns.{name}_pattern"
            try:
                patterns[name] = signal_patterns.parse_pattern(getattr(self, f"{name}_pattern"))
            except signal_patterns.SignalPatternError as error:
                errors += [f"{key}: {each}" for each in error.errors]
                continue
            find_errors = (
                signal_patterns.alternating_pattern_errors
                if name == "starting"
                else signal_patterns.outcome_pattern_errors
            )
            errors += [f"{key}: {each}" for each in find_errors(patterns[name])]
        tones_hz = {name: getattr(self, f"{name}_hz") for name in PATTERN_NAMES}
        outcomes = {name: patterns[name] for name in PATTERN_NAMES if name in patterns}
        errors += [f"gpio.patterns: {each}" for each in signal_patterns.ambiguous_patterns(outcomes, tones_hz)]
        if errors:
            raise signal_patterns.SignalPatternError(errors)
        return self


PATTERN_NAMES = ("pass", "fail", "check_again", "out_of_order")
"""Prefixes of the settings in `gpio.patterns` that have a tone."""


class GpioSettings(Section):
    """Lamps, buzzer and relay, as BCM pin numbers."""

    pin_factory: Literal["lgpio", "mock"] = "lgpio"
    """`lgpio` drives the pins of the board. `mock` runs the same driver without pins, on a laptop."""
    green: Pin = pins.OUTPUT_PINS["green"]
    """Right lamp."""
    red: Pin = pins.OUTPUT_PINS["red"]
    """Left lamp."""
    amber: Pin = pins.OUTPUT_PINS["amber"]
    """Middle lamp."""
    buzzer: Pin | None = pins.default_pin("buzzer")
    """`none` means that none is connected."""
    buzzer_kind: Literal["active", "passive"] = "active"
    """`active` sounds by itself. `passive` needs a tone (PWM)."""
    relay: Pin | None = pins.default_pin("relay")
    """A door or turnstile opener. It is closed (energised) on a pass."""
    relay_pulse_s: float = Field(default=1.0, gt=0, le=10)
    """How long the relay stays energised, seconds."""
    relay_led: str | None = Field(default=None, pattern=r"^[A-Za-z0-9:_-]{1,63}$")
    """Instead of `relay`: a kernel LED with the one-shot trigger, such as `kiosk-relay`. The kernel itself ends the pulse."""
    leds_dir: Path = pins.DEFAULT_LEDS_DIR
    """Folder of the kernel's LEDs. Tests use another one."""
    active_high: bool = True
    """False for lamp boards that light on a low pin."""
    admit_button: Pin | None = pins.default_pin("admit_button")
    """A button to ground. Held for half a second, it admits one person manually, with a record."""
    undo_button: Pin | None = pins.default_pin("undo_button")
    """A button to ground. Held for half a second, it undoes the last event within `visit.undo_window_s`, with a record."""
    presence_sensor: Pin | None = pins.default_pin("presence_sensor")
    """A presence sensor (PIR, radar, light barrier). While it reports that no one is there, decoding is idle."""
    presence_active_high: bool = True
    """False for a sensor whose output is low while a person is there."""
    idle_after_s: float = Field(default=60.0, ge=10, le=3600)
    """Decoding becomes idle after this time without a person, by the sensor and by the camera, seconds."""
    patterns: PatternSettings = PatternSettings()
    """Light patterns and tones."""

    @field_validator("buzzer", "relay", "admit_button", "undo_button", "presence_sensor", mode="before")
    @classmethod
    def _parse_optional_pin(cls, value: object, info: ValidationInfo) -> object:
        if value == pins.NOT_WIRED:
            return None
        if isinstance(value, str) and not value.isdecimal():
            raise ValueError(
                f'gpio.{info.field_name}: a pin number, or "{pins.NOT_WIRED}" where there is none; found {value[:40]!r}'
            )
        return value

    @model_validator(mode="after")
    def _check_pins_unique(self) -> Self:
        taken: dict[int, str] = {}
        for name in ("green", "red", "amber", "buzzer", "relay", "admit_button", "undo_button", "presence_sensor"):
            pin = getattr(self, name)
            if pin is not None and pin in taken:
                raise ValueError(f"gpio.{name} and gpio.{taken[pin]} are both on pin {pin}")
            taken[pin] = name
        if self.relay is not None and self.relay_led is not None:
            raise ValueError(
                "gpio.relay and gpio.relay_led: there is one relay and one way to drive it. Leave one of them out"
            )
        return self


class SpeechSettings(Section):
    """Spoken answers, for people who cannot see the lamps. The service `kiosk-speech` says them."""

    languages: tuple[str, ...] = Field(default=(), max_length=3)
    """Each answer is said in these languages, in their order. Empty: `site.language`."""
    folder: Path = Path("/var/lib/entrance-kiosk-speech")
    """Recordings, `LANGUAGE/MESSAGE.wav`, mono with 16 bits. `kiosk speak make` makes them."""
    device: str = Field(default="default", min_length=1, max_length=80)
    """The loudspeaker: an ALSA device, as `aplay -L` lists them."""
    volume_percent: int = Field(default=80, ge=0, le=100)
    """Volume of the recordings."""
    quiet_hours: tuple[str, ...] = Field(default=(), max_length=8)
    """Hours with another volume, local time, such as `22:00-06:00 20`. 0 is silence."""

    @field_validator("languages")
    @classmethod
    def _check_languages(cls, chosen: tuple[str, ...]) -> tuple[str, ...]:
        for language in chosen:
            if language not in languages():
                raise ValueError(f"{language!r} has no catalogue. Known here: {', '.join(languages())}")
        return chosen

    @field_validator("quiet_hours")
    @classmethod
    def _check_quiet_hours(cls, quiet_hours: tuple[str, ...]) -> tuple[str, ...]:
        for text in quiet_hours:
            VolumeHours.parse(text)
        return quiet_hours
