"""The schema of the configuration: every setting with its type, default, limits and unit.

docs/reference/configuration.md and files/kiosk.example.toml are generated from here. Settings never hold secrets. They name files.
"""

import re
import unicodedata
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from kiosk.config.addresses import host_error, split_host_port
from kiosk.config.opening_hours import opening_hours_hint
from kiosk.config.time_zones import time_zone_error
from kiosk.config.volume_hours import VolumeHours
from kiosk.core import file_names, pins, signal_patterns
from kiosk.core.rules import OpeningHours
from kiosk.system.translations import languages

TopicName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Pin = Annotated[int, Field(ge=0, le=27)]
Port = Annotated[int, Field(ge=0, le=65535)]
PrintedText = Annotated[str, Field(max_length=80)]
ToneHz = Annotated[int, Field(ge=100, le=3500)]


def _valid_host(host: str) -> str:
    """The host as it is. Raises ValueError with a sentence."""
    error = host_error(host)
    if error:
        raise ValueError(f"{host!r} {error}")
    return host


class Section(BaseModel):
    """One section of the file. It is frozen, and unknown keys are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    @field_validator("*", mode="before")
    @classmethod
    def _check_path_is_named(cls, value: object, info: ValidationInfo) -> object:
        """An empty path would be the folder of the configuration."""
        names_path = "Path" in str(cls.model_fields[info.field_name or ""].annotation)
        if names_path and isinstance(value, str) and (not value.strip() or "\0" in value):
            raise ValueError("is empty. Write a path, or leave this key out")
        return value


class SiteSettings(Section):
    """Where this device stands."""

    site: TopicName
    """The place: a market, an office. Part of the MQTT topic."""
    device: TopicName
    """This gate. Part of the MQTT topic. The certificate of the device names SITE/DEVICE."""
    language: str = "vi"
    """Language of messages for people, and of the pages until the reader chooses another: one that has a catalogue."""
    timezone: str = "Asia/Ho_Chi_Minh"
    """IANA name of the time zone: for opening hours, the daily reset and the web pages."""
    title: PrintedText = ""
    """Name of the place for people, for example `Chợ Đông Ba`. Empty: the pages show `site`."""
    gate_title: PrintedText = ""
    """Name of this gate for people, for example `Cổng 1`. Empty: the pages show `device`."""
    help_contact: PrintedText = ""
    """Who helps people at this place, for example `Ban quản lý chợ`. The pages and printed sheets name them."""
    help_phone: Annotated[str, Field(max_length=40)] = ""
    """Telephone number of `help_contact`, as people dial it."""

    @field_validator("title", "gate_title", "help_contact", "help_phone")
    @classmethod
    def _check_is_printable(cls, text: str) -> str:
        if not text.isprintable():
            raise ValueError("has characters that cannot be printed, such as a line end")
        return unicodedata.normalize("NFC", " ".join(text.split()))

    @field_validator("help_phone")
    @classmethod
    def _check_phone(cls, phone: str) -> str:
        if phone and not (re.fullmatch(r"\+?[0-9 .()/-]+", phone) and sum(map(str.isdigit, phone)) >= 3):
            raise ValueError(f"{phone!r} is no telephone number. Use digits, spaces, and + at the beginning")
        return phone

    @field_validator("language")
    @classmethod
    def _check_language(cls, language: str) -> str:
        if language not in languages():
            raise ValueError(f"{language!r} has no catalogue. Known here: {', '.join(languages())}")
        return language

    @field_validator("timezone")
    @classmethod
    def _check_timezone(cls, timezone: str) -> str:
        error = time_zone_error(timezone)
        if error:
            raise ValueError(f"{timezone!r} {error}")
        return timezone


class CameraSettings(Section):
    """Where frames come from."""

    source: str = Field(default="picamera2", pattern=r"^(picamera2|webcam:\d+|replay:.+|synthetic(:.+)?)$")
    """`picamera2`, `webcam:N`, `replay:FOLDER`, `synthetic` (rendered people) or `synthetic:SOCKET`."""
    width: int = Field(default=1280, ge=320, le=4096)
    """Width of a frame, px."""
    height: int = Field(default=720, ge=240, le=3072)
    """Height of a frame, px."""
    frames_per_s: float = Field(default=15.0, gt=0, le=120)
    """Frame rate requested from the sensor, and of replayed images."""
    timeout_s: float = Field(default=2.0, gt=0, le=30)
    """A capture that takes longer counts as a camera failure, seconds."""
    flicker_hz: Literal[0, 50, 60] = 50
    """Mains frequency of the light at the gate. Exposure is a multiple of its half period. 0: any."""
    rotation: Literal[0, 180] = 0
    """180 for a camera that is mounted upside down."""


class DecodingSettings(Section):
    """Limits of decoding."""

    budget_share: float = Field(default=0.6, gt=0, le=1)
    """Share of the measured interval between frames that the slow stages may take, on average."""


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


class VisitSettings(Section):
    """What counts as one visit."""

    repeat_window_s: float = Field(default=8.0, gt=0, le=3600)
    """A person seen again within this time since they were last in view is still the same visit, seconds."""
    undo_window_s: float = Field(default=30.0, ge=0, le=300)
    """How long a guard can undo the last event, seconds. 0: never."""


class AccessSettings(Section):
    """Who may pass here. For each kind of code: `verified` requires a signature, `recognised` a valid form, `no` refuses it."""

    direction: Literal["in", "out", "alternating"] = "alternating"
    """Direction of the gate. `alternating`: each person goes in, then out, then in."""
    anti_passback: Literal["off", "soft", "hard"] = "off"
    """A person who passes twice in the same direction: `off` ignores it, `soft` asks the guard, `hard` refuses."""
    daily_reset_at: str = Field(default="03:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    """Local time at which all people count as gone."""
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
    hcert_vaccination: Literal["any", "complete"] = "any"
    """Doses of a vaccination certificate: `any` accepts each, `complete` wants all doses of its series."""
    hcert_test_max_age_h: float | None = Field(default=None, gt=0)
    """Maximum age of the sample of a test certificate, hours. Without it the validity of the certificate counts alone."""
    status_classes: tuple[int, ...] = ()
    """Status classes of an entry pass that may come in. Empty: all."""
    declaration: Literal["off", "verified", "all"] = "off"
    """Who must have made a health declaration: `off` no person, `verified` holders of a pass that states it, `all` every person."""
    declaration_max_age_h: float | None = Field(default=None, gt=0)
    """Maximum age of a declaration, hours. Without it the validity in the pass counts."""
    opening_hours: tuple[str, ...] = ()
    """Opening hours, such as "mon-fri 07:30-17:00". Empty: always open."""
    capacity: int | None = Field(default=None, ge=1)
    """Maximum number of people inside. Without it there is no limit."""
    lists_max_age_h: float | None = Field(default=None, gt=0)
    """Trust list and denylist count as stale when older, hours. Without it they never do."""
    on_stale_lists: Literal["allow", "deny"] = "allow"
    """A verified code while the lists are stale: `allow` decides as usual, `deny` refuses."""
    on_unset_clock: Literal["allow", "deny"] = "allow"
    """A code with a validity while the clock is certainly wrong: `allow` decides as usual, `deny` refuses."""
    rotating_on_unset_clock: Literal["allow", "deny"] = "deny"
    """A rotating pass while the clock is certainly wrong: the age of its proof is unknown. `allow` accepts it, `deny` refuses."""
    clock_leeway_s: float = Field(default=60.0, ge=0, le=600)
    """A code is accepted this long before its start of validity, because the clock of its issuer may be ahead, seconds."""

    @field_validator("opening_hours")
    @classmethod
    def _check_opening_hours(cls, opening_hours: tuple[str, ...]) -> tuple[str, ...]:
        for text in opening_hours:
            try:
                OpeningHours.parse(text)
            except ValueError as error:
                raise ValueError(f"{error}{opening_hours_hint(text)}") from error
        return opening_hours


class StorageSettings(Section):
    """The database of access events."""

    path: Path = Path("/var/lib/entrance-kiosk/events.db")
    """The database file. Its folder must exist and be writable."""
    retention_days: int = Field(default=21, ge=1, le=365)
    """Delivered events older than this are deleted, and a notice counts them."""
    max_rows: int = Field(default=2_000_000, ge=100)
    """Maximum number of events. Delivered events are deleted first, undelivered ones never."""
    max_bytes: int = Field(default=2_000_000_000, ge=1_000_000)
    """Maximum size of the database, bytes."""
    low_space_bytes: int = Field(default=64_000_000, ge=0)
    """Free space on the disk below which delivered events are deleted early, bytes."""
    min_free_bytes: int = Field(default=8_000_000, ge=0)
    """Free space on the disk below which nothing is recorded, bytes. It is needed to store acknowledgements."""


class MqttSettings(Section):
    """The connection to the broker and the centre."""

    topic_prefix: TopicName = "entrance"
    """First level of every MQTT topic."""
    brokers: tuple[str, ...] = Field(default=("localhost:8883",), min_length=1, max_length=8)
    """Addresses of the MQTT broker, `host:port`, tried in this order. Port 8883 with TLS, 1883 without."""
    version: Literal["5", "3.1.1"] = "5"
    """MQTT version."""
    keepalive_s: int = Field(default=20, ge=2, le=600)
    """The broker reports `offline` to the centre after one and a half times this, seconds."""
    tls: bool = True
    """False only on loopback and in development."""
    ca: Path | None = None
    """CA certificate of the broker, PEM."""
    certificate: Path | None = None
    """Certificate of this device, PEM. Its common name is SITE/DEVICE."""
    key: Path | None = None
    """Private key of that certificate, PEM."""
    receipt_timeout_s: float = Field(default=10.0, gt=0, le=600)
    """An event without a receipt of the centre is sent again after this time, seconds."""
    reconnect_max_delay_s: float = Field(default=60.0, ge=0.1, le=600)
    """Maximum delay between two connection attempts, seconds. It is random, so that not all kiosks reconnect at once."""
    acknowledge_by: Literal["centre", "broker"] = "centre"
    """What removes an event from the outbox: the receipt of the centre, or the PUBACK of the broker, which may still lose it."""

    @field_validator("brokers")
    @classmethod
    def _check_brokers(cls, brokers: tuple[str, ...]) -> tuple[str, ...]:
        addresses = [split_host_port(text) for text in brokers]
        for address in addresses:
            if addresses.count(address) > 1:
                raise ValueError(f"{address[0]}:{address[1]} stands there twice. Leave one of them out")
        return brokers


class KeySettings(Section):
    """Files with keys and lists. Private ones belong to root or the service user, mode 0600."""

    sealing_public_key: Path
    """The centre's public sealing key, PEM (X25519)."""
    sealing_keys: Path | None = None
    """Signed list of sealing keys, one for each week. With it, `sealing_public_key` seals nothing."""
    pseudonym_key: Path
    """32 random bytes: the key of this device's pseudonyms."""
    trust_list: Path
    """Trust list: the keys that passes are verified with."""
    denylist: Path | None = None
    """Denylist: withdrawn passes."""
    root_public_key: Path
    """Public key that signs the lists, PEM (Ed25519)."""
    fleet_public_key: Path | None = None
    """Public key that signs the commands of the centre, PEM (Ed25519). Without it this device obeys none."""


class WebServerSettings(Section):
    """The web server of the device."""

    host: str = "127.0.0.1"
    """Address to listen on. `0.0.0.0` serves the whole LAN over IPv4, `::` over IPv4 and IPv6."""
    port: Port = 8080
    """TCP port. 0 takes a free one."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names of this server besides its own. Requests for other names are refused."""
    state_dir: Path = Path("/var/lib/entrance-kiosk-web")
    """Folder of accounts and audit log. If it does not exist, there is no login."""
    certificate: Path | None = None
    """Certificate and chain, PEM. With it the server uses TLS. `kiosk web certificate` makes one."""
    key: Path | None = None
    """Private key, PEM. Not needed if it is in the file of the certificate."""

    _check_host = field_validator("host")(_valid_host)

    @field_validator("allowed_hosts")
    @classmethod
    def _check_allowed_hosts(cls, allowed_hosts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_valid_host(host) for host in allowed_hosts)


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


class EnrolmentSettings(Section):
    """How this device gets its name, certificate and keys from the centre, in a file without site, device and keys."""

    folder: Path = Path(file_names.ENROLMENT_FOLDER)
    """Where certificate, keys and lists of an enrolled device lie. The daemon writes it."""
    join_wifi: bool = True
    """Join the Wi-Fi network that an enrolment code names, through NetworkManager."""
    reset_hold_s: float = Field(default=10.0, ge=0, le=60)
    """Both buttons held this long make the device forget its enrolment, seconds. 0: never."""


class Settings(Section):
    """The whole file."""

    site: SiteSettings
    camera: CameraSettings = CameraSettings()
    decoding: DecodingSettings = DecodingSettings()
    gpio: GpioSettings = GpioSettings()
    visit: VisitSettings = VisitSettings()
    access: AccessSettings = AccessSettings()
    storage: StorageSettings = StorageSettings()
    mqtt: MqttSettings = MqttSettings()
    keys: KeySettings
    web: WebServerSettings = WebServerSettings()
    speech: SpeechSettings = SpeechSettings()
    enrolment: EnrolmentSettings = EnrolmentSettings()
    run_dir: Path = Path("/run/entrance-kiosk")
    """Folder in memory for the status file and the control socket."""
    sysfs: Path = Path("/sys")
    """Folder of the kernel's values for temperature and supply. Tests use another one."""

    @property
    def is_enrolled(self) -> bool:
        """Whether this device has a name: by the file or by enrolment."""
        return self.site.site != file_names.NOT_ENROLLED

    @property
    def uses_enrolment(self) -> bool:
        """Whether the enrolment in `enrolment.folder` is in force, and not files that the configuration names."""
        return self.is_enrolled and self.keys.trust_list.parent == self.enrolment.folder / file_names.ENROLMENT_CURRENT
