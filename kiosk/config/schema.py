"""Every setting, as frozen tables: each field is documented where it stands, with its unit.

docs/reference/kiosk.example.toml is generated from here. Secrets are never among them: settings name the files that hold them.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from kiosk.core import pins, signal_patterns
from kiosk.core.rules import OpeningHours

TopicName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Pin = Annotated[int, Field(ge=0, le=27)]
Port = Annotated[int, Field(ge=0, le=65535)]
ToneHz = Annotated[int, Field(ge=100, le=3500)]


class Section(BaseModel):
    """One table of the file: frozen, typed, and closed to keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class SiteSettings(Section):
    """Where this device stands."""

    site: TopicName
    """The place: a market, an office. Part of the MQTT topic."""
    device: TopicName
    """This gate. Part of the MQTT topic; the device's certificate names SITE/DEVICE."""
    language: Literal["vi", "en"] = "vi"
    """Language of messages for people, and of the pages until the reader chooses another."""
    timezone: str = "Asia/Ho_Chi_Minh"
    """IANA name of the time zone: for opening hours, the daily reset and the web pages."""


class CameraSettings(Section):
    """Where pictures come from."""

    source: str = Field(default="picamera2", pattern=r"^(picamera2|webcam:\d+|replay:.+|synthetic(:.+)?)$")
    """`picamera2`, `webcam:N`, `replay:FOLDER`, `synthetic` (people made up by the kiosk itself) or `synthetic:SOCKET`."""
    width: int = Field(default=1280, ge=320, le=4096)
    """Pixels of the picture that is read."""
    height: int = Field(default=720, ge=240, le=3072)
    """Pixels of the picture that is read."""
    frames_per_s: float = Field(default=15.0, gt=0, le=120)
    """Frame rate asked of the sensor, and the pace of replayed pictures."""
    timeout_s: float = Field(default=2.0, gt=0, le=30)
    """A capture that takes longer counts as a dead camera."""
    flicker_hz: Literal[0, 50, 60] = 50
    """Mains frequency of the lamps at the gate; exposure keeps to multiples of its half period. 0: do not care."""
    rotation: Literal[0, 180] = 0
    """180 where the camera is mounted upside down."""


class DecodingSettings(Section):
    """How hard a picture is searched."""

    budget_share: float = Field(default=0.6, gt=0, le=1)
    """Share of the measured interval between frames that the heavy stages may take, on average."""


class PatternSettings(Section):
    """Each answer as beats in seconds: `0.4!` lit with sound, `0.4` lit, `-0.4` dark. Which lamps is not to choose."""

    pass_pattern: str = "0.4! 1.1"
    """Of the right lamp. Answers differ in the number of flashes and in their beeps; never more than three flashes a second."""
    fail_pattern: str = "0.2! -0.15 0.2! -0.15 0.2! -0.15 0.9"
    """Of the left lamp."""
    check_again_pattern: str = "0.3! -0.3 0.3! -0.3 0.5"
    """Of the middle lamp."""
    out_of_order_pattern: str = "1.0!"
    """Of left and middle lamp together, once; then they stay lit."""
    starting_pattern: str = "0.25 0.25"
    """Two beats: left lamp, middle lamp, and so on until it is ready."""
    pass_hz: ToneHz = 1760
    """Tone on a passive buzzer; tones differ by a tenth at least."""
    fail_hz: ToneHz = 392
    """Tone on a passive buzzer."""
    check_again_hz: ToneHz = 784
    """Tone on a passive buzzer."""
    out_of_order_hz: ToneHz = 262
    """Tone on a passive buzzer."""

    @model_validator(mode="after")
    def _check_distinguishable(self) -> Self:
        mistakes: list[str] = []
        beats: dict[str, tuple[signal_patterns.Pulse, ...]] = {}
        for name in (*PATTERN_NAMES, "starting"):
            place = f"gpio.patterns.{name}_pattern"
            try:
                beats[name] = signal_patterns.parse_pattern(getattr(self, f"{name}_pattern"))
            except signal_patterns.SignalPatternError as trouble:
                mistakes += [f"{place}: {each}" for each in trouble.errors]
                continue
            wrong = signal_patterns.alternating_pattern_errors if name == "starting" else signal_patterns.outcome_pattern_errors
            mistakes += [f"{place}: {each}" for each in wrong(beats[name])]
        tones_hz = {name: getattr(self, f"{name}_hz") for name in PATTERN_NAMES}
        answers = {name: beats[name] for name in PATTERN_NAMES if name in beats}
        mistakes += [f"gpio.patterns: {each}" for each in signal_patterns.ambiguous_patterns(answers, tones_hz)]
        if mistakes:
            raise signal_patterns.SignalPatternError(mistakes)
        return self


PATTERN_NAMES = ("pass", "fail", "check_again", "out_of_order")
"""What sounds, as `gpio.patterns` names it."""


class Signal(Section):
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
    """"none" where there is none."""
    buzzer_kind: Literal["active", "passive"] = "active"
    """`active` sounds by itself; `passive` needs a tone (PWM)."""
    relay: Pin | None = pins.default_pin("relay")
    """A door or turnstile opener; closed (energised) on a pass."""
    relay_pulse_s: float = Field(default=1.0, gt=0, le=10)
    """How long the relay stays energised, seconds."""
    relay_led: str | None = Field(default=None, pattern=r"^[A-Za-z0-9:_-]{1,63}$")
    """Instead of `relay`: a kernel LED with the one-shot trigger, such as `kiosk-relay`; the kernel itself ends the pulse."""
    leds_dir: Path = pins.DEFAULT_LEDS_DIR
    """Folder of the kernel's LEDs. Tests use another one."""
    active_high: bool = True
    """False for lamp boards that light on a low pin."""
    admit_button: Pin | None = pins.default_pin("admit_button")
    """A button to ground that, held for half a second, admits one person by hand, with a record."""
    undo_button: Pin | None = pins.default_pin("undo_button")
    """A button to ground that, held for half a second, undoes the last event within `visit.undo_window_s`, with a record."""
    presence_sensor: Pin | None = pins.default_pin("presence_sensor")
    """A presence sensor (PIR, radar, light barrier). While it reports that no one is there, decoding is idle."""
    presence_active_high: bool = True
    """False for a sensor whose output is low while a person is there."""
    idle_after_s: float = Field(default=60.0, ge=10, le=3600)
    """Decoding becomes idle after this time without a person, by the sensor and by the picture, seconds."""
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
            raise ValueError("gpio.relay and gpio.relay_led: there is one relay and one way to drive it. Leave one of them out")
        return self


class VisitSettings(Section):
    """What counts as one visit."""

    repeat_window_s: float = Field(default=8.0, gt=0, le=3600)
    """A person seen again within this time, seconds since last in view, is still the same visit."""
    undo_window_s: float = Field(default=30.0, ge=0, le=300)
    """For so long a guard can take the last passage back, seconds; 0: never."""


class AccessSettings(Section):
    """Who may pass here. Of a kind of code, `verified` asks for a signature, `recognised` for good form, `no` for another code."""

    direction: Literal["in", "out", "alternating"] = "alternating"
    """Which way people pass here; `alternating`: in, then out, then in."""
    anti_passback: Literal["off", "soft", "hard"] = "off"
    """At a gate of one direction, who passes twice the same way: ignored, asked again, or refused."""
    daily_reset_at: str = Field(default="03:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    """Local time at which everybody counts as gone."""
    accept_entry_pass: Literal["verified", "no"] = "verified"
    """The project's own signed pass."""
    accept_hcert: Literal["verified", "no"] = "verified"
    """EU DCC and Vietnam's vaccine passport."""
    accept_national: Literal["recognised", "no"] = "recognised"
    """The national personal QR (Hue-S card, PC-Covid). Unsigned."""
    accept_id_card: Literal["recognised", "no"] = "recognised"
    """CCCD / Căn cước. Unsigned."""
    accept_insurance: Literal["recognised", "no"] = "recognised"
    """BHYT. Unsigned."""
    status_classes: tuple[int, ...] = ()
    """Status classes of an own pass that may come in; empty: all."""
    declaration: Literal["off", "verified", "all"] = "off"
    """Who must have made a health declaration: nobody, those whose pass can say it, or everybody."""
    declaration_max_age_h: float | None = Field(default=None, gt=0)
    """An older declaration is not enough, hours; without it the pass's own word counts."""
    opening_hours: tuple[str, ...] = ()
    """Opening hours, such as "mon-fri 07:30-17:00"; empty: always open."""
    capacity: int | None = Field(default=None, ge=1)
    """The most people inside; without it there is no limit."""
    lists_max_age_h: float | None = Field(default=None, gt=0)
    """Trust list and denylist count as stale when older, hours; without it never."""
    on_stale_lists: Literal["allow", "deny"] = "allow"
    """What a verified code gets while the lists are stale: its own answer, or red."""
    on_unset_clock: Literal["allow", "deny"] = "allow"
    """What a code with a validity gets while the clock is wrong for certain: the benefit of the doubt, or red."""

    @field_validator("opening_hours")
    @classmethod
    def _check_opening_hours(cls, opening_hours: tuple[str, ...]) -> tuple[str, ...]:
        for text in opening_hours:
            OpeningHours.parse(text)
        return opening_hours


class StorageSettings(Section):
    """The database of passages."""

    path: Path = Path("/var/lib/entrance-kiosk/events.db")
    """The file; its folder must exist and be writable."""
    retention_days: int = Field(default=21, ge=1, le=365)
    """Delivered passages older than this are deleted, and a record says how many."""
    max_rows: int = Field(default=2_000_000, ge=100)
    """The most passages kept; delivered ones give way first, undelivered ones never."""
    max_bytes: int = Field(default=2_000_000_000, ge=1_000_000)
    """The largest that the database may grow, bytes."""
    low_space_bytes: int = Field(default=64_000_000, ge=0)
    """Free space on the disk below which delivered passages give way early, bytes."""
    min_free_bytes: int = Field(default=8_000_000, ge=0)
    """Free space on the disk below which nothing more is recorded, bytes: so much is needed to note what the centre has."""


class MqttSettings(Section):
    """The way to the centre."""

    topic_prefix: TopicName = "entrance"
    """First level of every MQTT topic."""
    host: str = "localhost"
    """Name or address of the MQTT broker."""
    port: Port = 8883
    """8883 with TLS, 1883 without."""
    version: Literal["5", "3.1.1"] = "5"
    """MQTT version."""
    keepalive_s: int = Field(default=20, ge=2, le=600)
    """The broker tells the centre `offline` after one and a half of it, seconds."""
    tls: bool = True
    """False only on loopback and in the laboratory."""
    ca: Path | None = None
    """CA certificate of the broker, PEM."""
    certificate: Path | None = None
    """This device's certificate, PEM; its common name is SITE/DEVICE."""
    key: Path | None = None
    """Private key of that certificate, PEM."""
    receipt_timeout_s: float = Field(default=10.0, gt=0, le=600)
    """Without the centre's receipt after this long, a passage is sent again, seconds."""
    reconnect_max_delay_s: float = Field(default=60.0, ge=0.1, le=600)
    """After a lost connection: at most this long between two attempts, at random, so that not all kiosks come at once, seconds."""
    acknowledge_by: Literal["centre", "broker"] = "centre"
    """A passage leaves the outbox on the centre's receipt (`centre`) or the broker's PUBACK (`broker`: that may still lose it)."""


class KeySettings(Section):
    """Files with keys and lists. Private ones belong to root or the service user, mode 0600."""

    sealing_public_key: Path
    """The centre's public sealing key, PEM (X25519)."""
    pseudonym_key: Path
    """32 random bytes: the key of this device's pseudonyms."""
    trust_list: Path
    """Keys that passes are verified with."""
    denylist: Path | None = None
    """Withdrawn passes."""
    root_public_key: Path
    """Public key that signs the lists, PEM (Ed25519)."""


class WebServerSettings(Section):
    """The status page."""

    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 shows the page to the whole LAN."""
    port: Port = 8080
    """TCP port; 0 takes a free one."""
    allowed_hosts: tuple[str, ...] = ()
    """Names under which the page may be asked besides this machine's own; requests for other names are refused."""
    state_dir: Path = Path("/var/lib/entrance-kiosk-web")
    """Folder of the page's own accounts and audit log; where it does not exist the page has no login."""
    certificate: Path | None = None
    """PEM with the page's certificate (and chain): the page is served over TLS. `kiosk web certificate` makes one."""
    key: Path | None = None
    """PEM with its private key; may be left out where it stands in the same file."""


class Settings(Section):
    """The whole file."""

    site: SiteSettings
    camera: CameraSettings = CameraSettings()
    decoding: DecodingSettings = DecodingSettings()
    gpio: Signal = Signal()
    visit: VisitSettings = VisitSettings()
    access: AccessSettings = AccessSettings()
    storage: StorageSettings = StorageSettings()
    mqtt: MqttSettings = MqttSettings()
    keys: KeySettings
    web: WebServerSettings = WebServerSettings()
    run_dir: Path = Path("/run/entrance-kiosk")
    """Folder in memory for the status file and the control socket."""
    sysfs: Path = Path("/sys")
    """Where the kernel tells of temperature and supply; another folder only in the laboratory."""
