"""Finds settings that contradict each other, or that have no effect beside others. Each is valid by itself."""

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from kiosk.config.addresses import split_host_port
from kiosk.config.schema import AccessSettings, Settings
from kiosk.core.rules import OpeningHours

DAY_MINUTES = 24 * 60
GOING_HOME_MINUTES = 120
"""People leave up to this long after the site has closed."""
ROWS_PER_DAY = 400
"""People of a quiet gate in a day. A limit on rows below this deletes before the retention time ends."""
SIGNED, UNSIGNED = ("entry_pass", "hcert"), ("national", "id_card", "insurance")


@dataclass(frozen=True, slots=True)
class Conflict:
    """Settings that do not go together. `code` completes the message id `config.conflict.CODE`."""

    code: str
    settings: tuple[str, ...]
    """Their dotted names."""
    values: Mapping[str, object] = field(default_factory=dict)
    """For the placeholders of the message."""


def find_conflicts(settings: Settings) -> Iterator[Conflict]:
    """All contradictions of these settings. None of them stops the kiosk."""
    for part in (_reset, _directions, _kinds, _declaration, _lists, _visit, _storage, _broker, _web, _gpio, _camera):
        yield from part(settings)


def _reset(settings: Settings) -> Iterator[Conflict]:
    """After the reset a person who is still inside counts as coming in: red *closed*, or counted twice."""
    access = settings.access
    hour, minute = map(int, access.daily_reset_at.split(":"))
    reset = hour * 60 + minute
    names = ("access.daily_reset_at", "access.opening_hours")
    for text in access.opening_hours:
        hours = OpeningHours.parse(text)
        length = (hours.until_minute - hours.from_minute - 1) % DAY_MINUTES + 1
        since_opening = (reset - hours.from_minute) % DAY_MINUTES
        if length >= DAY_MINUTES:
            yield Conflict("reset-always-open", names, {"reset": access.daily_reset_at, "hours": text})
        elif 0 < since_opening < length + GOING_HOME_MINUTES:
            code = "reset-while-open" if since_opening < length else "reset-after-closing"
            yield Conflict(code, names, {"reset": access.daily_reset_at, "hours": text})


def _directions(settings: Settings) -> Iterator[Conflict]:
    access = settings.access
    if access.capacity is not None and access.direction == "in":
        yield Conflict("capacity-entrance-only", ("access.capacity", "access.direction"))
    if access.capacity is not None and access.direction == "out":
        yield Conflict("capacity-exit-only", ("access.capacity", "access.direction"))
    if access.anti_passback != "off" and access.direction == "alternating":
        yield Conflict("passback-alternating", ("access.anti_passback", "access.direction"))
    if access.anti_passback == "hard" and access.direction != "alternating":
        yield Conflict("passback-one-way", ("access.anti_passback", "access.direction"), {"way": access.direction})


def _accepted(access: AccessSettings) -> set[str]:
    return {kind for kind in (*SIGNED, *UNSIGNED) if getattr(access, f"accept_{kind}") != "no"}


def _kinds(settings: Settings) -> Iterator[Conflict]:
    access, accepted = settings.access, _accepted(settings.access)
    if not accepted:
        yield Conflict("no-kind", tuple(f"access.accept_{kind}" for kind in (*SIGNED, *UNSIGNED)))
    elif access.status_classes and "entry_pass" not in accepted:
        yield Conflict("classes-without-passes", ("access.status_classes", "access.accept_entry_pass"))
    if settings.keys.denylist is not None and not accepted & set(SIGNED):
        yield Conflict("denylist-without-passes", ("keys.denylist", "access.accept_entry_pass", "access.accept_hcert"))


def _declaration(settings: Settings) -> Iterator[Conflict]:
    """Only an entry pass can state a declaration."""
    access = settings.access
    if access.declaration == "off" and access.declaration_max_age_h is not None:
        yield Conflict("declaration-age-unused", ("access.declaration_max_age_h", "access.declaration"))
    cannot = sorted(_accepted(access) - {"entry_pass"})
    if access.declaration == "all" and cannot:
        names = ", ".join(f"access.accept_{kind}" for kind in cannot)
        yield Conflict("declaration-impossible", ("access.declaration",), {"kinds": names})


def _lists(settings: Settings) -> Iterator[Conflict]:
    access = settings.access
    names = ("access.on_stale_lists", "access.lists_max_age_h")
    if access.on_stale_lists == "deny" and access.lists_max_age_h is None:
        yield Conflict("stale-without-age", names)
    if access.on_stale_lists == "allow" and access.lists_max_age_h is not None:
        yield Conflict("age-without-stale", names)


def _visit(settings: Settings) -> Iterator[Conflict]:
    visit = settings.visit
    if 0 < visit.undo_window_s < visit.repeat_window_s:
        yield Conflict("undo-shorter-than-repeat", ("visit.undo_window_s", "visit.repeat_window_s"))
    if not visit.undo_window_s and settings.gpio.undo_button is not None:
        yield Conflict("undo-button-unused", ("gpio.undo_button", "visit.undo_window_s"))


def _storage(settings: Settings) -> Iterator[Conflict]:
    storage = settings.storage
    if storage.low_space_bytes <= storage.min_free_bytes:
        yield Conflict("space-order", ("storage.low_space_bytes", "storage.min_free_bytes"))
    if storage.max_rows < storage.retention_days * ROWS_PER_DAY:
        values = {"days": storage.retention_days, "rows": storage.max_rows}
        yield Conflict("rows-below-retention", ("storage.max_rows", "storage.retention_days"), values)


def _broker(settings: Settings) -> Iterator[Conflict]:
    mqtt = settings.mqtt
    files = tuple(f"mqtt.{name}" for name in ("ca", "certificate", "key") if getattr(mqtt, name) is not None)
    if not mqtt.tls and files:
        yield Conflict("tls-files-unused", (*files, "mqtt.tls"))
    for host, port in map(split_host_port, mqtt.brokers):
        if not mqtt.tls and not _is_loopback(host):
            yield Conflict("broker-without-tls", ("mqtt.tls", "mqtt.brokers"), {"host": host})
        if (mqtt.tls and port == 1883) or (not mqtt.tls and port == 8883):
            yield Conflict("tls-port", ("mqtt.tls", "mqtt.brokers"), {"port": port})
    if mqtt.tls and mqtt.certificate is None and mqtt.key is None:
        yield Conflict("tls-without-certificate", ("mqtt.tls", "mqtt.certificate"))


def _web(settings: Settings) -> Iterator[Conflict]:
    web = settings.web
    if web.key is not None and web.certificate is None:
        yield Conflict("web-key-unused", ("web.key", "web.certificate"))
    if web.certificate is None and not _is_loopback(web.host):
        yield Conflict("web-without-tls", ("web.host", "web.certificate"), {"host": web.host})


def _gpio(settings: Settings) -> Iterator[Conflict]:
    gpio = settings.gpio
    unused: dict[str, Callable[[], bool]] = {
        "presence_active_high": lambda: gpio.presence_sensor is None,
        "idle_after_s": lambda: gpio.presence_sensor is None,
        "buzzer_kind": lambda: gpio.buzzer is None,
        "relay_pulse_s": lambda: gpio.relay is None and gpio.relay_led is None,
    }
    for name, is_unused in unused.items():
        if name in gpio.model_fields_set and is_unused():
            yield Conflict("pin-not-wired", (f"gpio.{name}",), {"name": f"gpio.{name}"})


def _camera(settings: Settings) -> Iterator[Conflict]:
    camera = settings.camera
    if camera.timeout_s * camera.frames_per_s < 1:
        yield Conflict("timeout-below-frame", ("camera.timeout_s", "camera.frames_per_s"))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
