"""Measurements of the device and their thresholds. None: it cannot be measured on this machine, so there is no check."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kiosk.core.model import ClockQuality

SECONDS_PER_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Measurements:
    """A snapshot. Durations are measured with the monotonic clock, except the ages of lists."""

    gate_loop_age_s: float = 0.0
    """Since the gate thread last started an iteration."""
    camera_loop_age_s: float = 0.0
    """Since the camera thread last started an iteration: a frame, a timeout or a failed attempt to open."""
    signal_thread_alive: bool = True
    """The thread that plays the patterns runs."""
    gpio_error: str = ""
    """Why the GPIO pins are unavailable at the start. Empty once they are open."""
    start_error: str = ""
    """Why the kiosk cannot start. Empty once it has started."""
    start_error_kind: str = "failed"
    """`lists`, `run-dir` or `failed`."""
    frame_age_s: float = 0.0
    """Since the capture of the last frame. Before the first frame: since the start."""
    camera_error: str = ""
    """Last error of the camera driver. Empty while frames arrive."""
    has_camera: bool = True
    """False at a gate that has a scanner in place of a camera."""
    scanner_error: str | None = None
    """Why the scanner cannot be read. Empty while it can. None: there is none."""
    frozen_s: float | None = None
    """How long all frames have been identical. The noise of a working sensor makes this impossible, except in darkness or
    glare, where all pixels are clipped."""
    dark_s: float | None = None
    """How long the image has been black or nearly black."""
    bright_s: float | None = None
    """How long the image has been white or nearly white."""
    blurred_s: float | None = None
    """How long no part of the image has been sharp."""
    paused: bool = False
    """An administrator paused the kiosk."""
    store_error: str = ""
    """Why the last event could not be committed. Empty while commits succeed."""
    corrupt_file: str = ""
    """Name of a corrupt database file that was moved aside at this start. Empty if there was none."""
    new_epoch_reason: str = ""
    """Why this process started a new epoch of delivery. Empty if it did not."""
    unreadable_rows: int = 0
    """How many rows of the database this process found that it cannot understand."""
    disk_free_bytes: int | None = None
    """Of the disk that holds the database."""
    disk_min_free_bytes: int = 0
    """With less free space, no events are recorded."""
    disk_read_only: bool = False
    """The kernel allows no writes to the file system of the database."""
    temperature_c: float | None = None
    """Of the processor."""
    under_voltage: bool | None = None
    """The board reports that its supply voltage is too low now."""
    clock_quality: ClockQuality = ClockQuality.SYNCHRONISED
    clock_jump_s: float = 0.0
    """By how much the wall clock was set within the last minute. Negative: backwards."""
    broker_down_s: float | None = None
    """How long the broker has been disconnected. 0 while it is connected. None: no broker is configured."""
    certificate_time_error: bool = False
    """The broker is disconnected because its certificate is not valid yet at the time of this device's clock."""
    broker_refused: bool = False
    """The broker refuses this device or its messages, or TLS with it fails: waiting does not help."""
    broker_error: str = ""
    """Why, in English."""
    presence_state: str = ""
    """State of a presence sensor: `present`, `absent`, `idle`, `stuck-on` or `stuck-off`. Empty without a sensor."""
    web_down_s: float | None = None
    """How long the web UI has been down. 0 while it listens. None: it never listened, or has no fixed port."""
    certificate_left_s: float | None = None
    """Until the certificate of this device ends. None: it is renewed by hand, or the clock is not set."""
    renewal_error: str = ""
    """Why its last renewal failed. Empty after a success."""
    backlog_age_s: float = 0.0
    """Age of the oldest event that the centre has not acknowledged."""
    backlog_size: int = 0
    backlog_limit: int | None = None
    """Maximum number of stored events."""
    lists_age_s: Mapping[str, float] = field(default_factory=dict)
    """`trust-list` and `denylist`: time since they were issued."""
    release_problem: str | None = None
    """A release is not in use: `returned`, `refused` or `neither-works`. Empty: nothing to say. None: no packages here."""
    release_detail: str = ""
    """Which one, which one runs, and why."""
    trial_remaining_s: float | None = None
    """How long the running release is still on trial. None: it is not."""
    os_updates_age_s: float | None = None
    """Since security updates of the operating system were last looked for successfully. None: not configured here."""
    os_updates_pending: int = 0
    """Security updates that are known and not installed."""
    os_updates_error: str = ""
    """Why the last attempt failed."""
    os_restart_needed: bool = False
    """Installed updates take effect after a restart of the board."""
    list_problems: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """`trust-list`, `denylist` and `sealing-keys`: why the file is not in force as it should be, as reason and detail."""
    sealing_keys_left_s: float | None = None
    """Until the last week of the sealing keys ends, negative after that. None: there are no weekly keys, or no clock."""


@dataclass(frozen=True, slots=True)
class HealthThresholds:
    """Limits of the measurements. With the defaults the lamps show any fault within 5 s."""

    loop_hung_s: float = 20.0
    """Longer than any normal iteration: libcamera takes 1 to 2 s to open and up to 5 s to close."""
    frame_age_s: float = 3.0
    """One capture may time out (2 s). Two in a row are a camera failure."""
    frozen_s: float = 3.5
    bad_frame_quality_s: float = 3.5
    """A phone held too close darkens or blurs the image for a moment. This is not a fault."""
    disk_low_bytes: int = 200 * 1024 * 1024
    max_temperature_c: float = 78.0
    """The firmware of the Pi throttles the processor from 80 °C on."""
    broker_down_s: float = 60.0
    web_down_s: float = 2.5
    """systemd restarts the web UI within a second. If it is down longer, the restart failed."""
    backlog_age_s: float = 600.0
    backlog_full_share: float = 0.8
    """Share of `backlog_limit`."""
    list_age_s: float = 7 * SECONDS_PER_DAY
    sealing_keys_left_s: float = 28 * SECONDS_PER_DAY
    """New keys need the root key, which lies in a cupboard."""
    os_updates_age_s: float = 35 * SECONDS_PER_DAY
    """A gate without a network gets its updates from a stick, once a month."""
