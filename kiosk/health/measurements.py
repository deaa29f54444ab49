"""What is measured of the device, and from which value on it is bad. None: not measurable here, so no fact."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kiosk.core.model import ClockQuality

SECONDS_PER_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Measurements:
    """Everything at one moment. Durations are of the monotonic clock, except the lists' ages."""

    gate_loop_age_s: float = 0.0
    """Since the gate's thread last began a turn."""
    camera_loop_age_s: float = 0.0
    """Since the camera's thread last began a turn, be it a picture, a timeout or a failed attempt to open."""
    signal_thread_alive: bool = True
    """The thread that plays the patterns is at work."""
    gpio_error: str = ""
    """Why the pins cannot be had, at the start; empty once they are."""
    frame_age_s: float = 0.0
    """Since the last picture was captured; before the first one, since the start."""
    camera_error: str = ""
    """What the camera driver said last, empty while pictures come."""
    frozen_s: float | None = None
    """For how long every picture has been the same to the last bit, which a live sensor's noise forbids (but not in the
    dark or in the glare, where all pixels are clipped)."""
    dark_s: float | None = None
    """For how long the picture has been black or nearly so."""
    bright_s: float | None = None
    """For how long the picture has been white or nearly so."""
    blurred_s: float | None = None
    """For how long there has been nothing sharp in the picture."""
    paused: bool = False
    """Somebody in charge told the kiosk to answer nobody."""
    store_error: str = ""
    """Why the last record could not be committed; empty while commits succeed."""
    corrupt_file: str = ""
    """Name of a damaged database that this start set aside; empty where there was none."""
    disk_free_bytes: int | None = None
    """Where the records are."""
    disk_min_free_bytes: int = 0
    """With less than this free, nothing is recorded any more."""
    disk_read_only: bool = False
    """The kernel lets nobody write there."""
    temperature_c: float | None = None
    """Of the processor."""
    under_voltage: bool | None = None
    """The board says that its supply is too weak, now."""
    clock_quality: ClockQuality = ClockQuality.SYNCHRONISED
    clock_jump_s: float = 0.0
    """By how much the wall clock was last set, if that was within the last minute: negative is backwards."""
    broker_down_s: float | None = None
    """For how long the broker has been away; 0 while it is connected. None: no uplink is configured."""
    certificate_time_error: bool = False
    """It is away because its certificate is not valid by this device's clock."""
    presence_state: str = ""
    """What a presence sensor says: `present`, `absent`, `idle`, `stuck-on` or `stuck-off`; empty where there is none."""
    web_down_s: float | None = None
    """For how long the status page has not been there; 0 while it is. None: it was never there, or has no port of its own."""
    backlog_age_s: float = 0.0
    """Age of the oldest passage that the centre has not confirmed."""
    backlog_size: int = 0
    backlog_limit: int | None = None
    """The most passages that are kept."""
    lists_age_s: Mapping[str, float] = field(default_factory=dict)
    """`trust-list` and `denylist`: since they were issued."""


@dataclass(frozen=True, slots=True)
class HealthThresholds:
    """From which value on a measure is bad. The defaults show any fault on the lamp within 5 s."""

    loop_hung_s: float = 20.0
    """Longer than any honest turn: an open of libcamera takes 1 to 2 s, a close up to 5 s."""
    frame_age_s: float = 3.0
    """A capture may time out once (2 s); two in a row are a dead camera."""
    frozen_s: float = 3.5
    bad_frame_quality_s: float = 3.5
    """A phone held too close darkens or blurs the view for a moment; that is not a fault."""
    disk_low_bytes: int = 200 * 1024 * 1024
    max_temperature_c: float = 78.0
    """The Pi's firmware slows the processor down from 80 degrees on."""
    broker_down_s: float = 60.0
    web_down_s: float = 2.5
    """systemd starts it again within a second; longer than that, it stays away."""
    backlog_age_s: float = 600.0
    backlog_full_share: float = 0.8
    """Share of the limit."""
    list_age_s: float = 7 * SECONDS_PER_DAY
