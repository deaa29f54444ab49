"""The health checks of `kiosk doctor`."""

import os
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

from kiosk import config
from kiosk.app.builders import hardware
from kiosk.core.ports import CameraError, KioskError, SignalError
from kiosk.core.status import CheckStatus, HealthCheck
from kiosk.credentials.trust import denylist, trust_list
from kiosk.health import Measurements, evaluate
from kiosk.health.probes import probe_disk_free_bytes, probe_read_only, probe_temperature_c, probe_under_voltage
from kiosk.system.clock import SystemClock
from kiosk.system.status_file import read_status

CONNECT_TIMEOUT_S = 5.0
SYSTEM_CHECKS = ("disk", "temperature", "power", "clock")

DeviceProbe = Callable[[config.Settings], Iterator[HealthCheck]]


def run_checks(settings: config.Settings) -> Iterator[HealthCheck]:
    """All checks of this device, one part after the other. None is skipped because another one failed.

    Camera and pins are tried only while the kiosk is stopped. The checks of a running kiosk come last.
    """
    running = daemon_checks(settings)
    probes: list[DeviceProbe] = [_files, _firmware_pins, _disk, _system, _lists, _broker]
    if running is None:
        probes = [_files, _firmware_pins, _gpio, _buttons, _presence, _camera, _disk, _system, _lists, _broker]
    for probe in probes:
        yield from probe(settings)
    if running is not None:
        yield HealthCheck("kiosk", CheckStatus.PASS)
        yield from running


def daemon_checks(settings: config.Settings) -> list[HealthCheck] | None:
    """The health checks in the status of the running daemon. None if none is running."""
    found = read_status(settings.run_dir)
    if found is None or not Path(f"/proc/{found['pid']}").exists():
        return None
    return [HealthCheck(**{**check, "status": CheckStatus(check["status"])}) for check in found["checks"]]


def _files(settings: config.Settings) -> Iterator[HealthCheck]:
    errors = list(config.missing_file_errors(settings))
    for error in errors:
        yield HealthCheck("files", CheckStatus.FAIL, reason="missing", detail=error)
    if not errors:
        yield HealthCheck("files", CheckStatus.PASS)


def _firmware_pins(settings: config.Settings) -> Iterator[HealthCheck]:
    check = hardware.check_firmware(settings.gpio)
    if check is not None:
        yield check


def _gpio(settings: config.Settings) -> Iterator[HealthCheck]:
    try:
        hardware.switch_signal_off(settings.gpio)
    except SignalError as error:
        yield HealthCheck("gpio", CheckStatus.FAIL, reason="error", detail=str(error))
    else:
        yield HealthCheck("gpio", CheckStatus.PASS)


def _buttons(settings: config.Settings) -> Iterator[HealthCheck]:
    try:
        states = hardware.button_states(settings.gpio)
    except SignalError as error:
        yield HealthCheck("buttons", CheckStatus.FAIL, reason="error", detail=str(error))
        return
    for name, pressed in states.items():
        yield button_check(name, pressed=pressed)


def button_check(name: str, *, pressed: bool) -> HealthCheck:
    """A button that no one should be pressing now."""
    if pressed:
        return HealthCheck("buttons", CheckStatus.WARN, reason="pressed", detail=f"gpio.{name}")
    return HealthCheck("buttons", CheckStatus.PASS, detail=f"gpio.{name}")


def _presence(settings: config.Settings) -> Iterator[HealthCheck]:
    states: list[bool] = []
    try:
        sensor = hardware.build_presence_sensor(settings.gpio, states.append)
    except SignalError as error:
        yield HealthCheck("presence-sensor", CheckStatus.FAIL, reason="error", detail=str(error))
        return
    if sensor is not None:
        sensor.close()
        yield presence_check(present=states[0])


def presence_check(*, present: bool) -> HealthCheck:
    """What the sensor detects while the technician stands in front of it."""
    return HealthCheck("presence-sensor", CheckStatus.PASS, reason="sees-person" if present else "sees-no-one")


def _camera(settings: config.Settings) -> Iterator[HealthCheck]:
    try:
        camera = hardware.build_camera(settings.camera)
        try:
            camera.open()
            frame = camera.capture(settings.camera.timeout_s)
        finally:
            camera.close()
    except CameraError as error:
        yield HealthCheck("camera", CheckStatus.FAIL, reason="error", detail=str(error))
    else:
        height, width = frame.luma.shape
        yield HealthCheck("camera", CheckStatus.PASS, reason="opened", detail=f"{width}x{height}")


def _disk(settings: config.Settings) -> Iterator[HealthCheck]:
    folder = settings.storage.path.parent
    if folder.is_dir() and not os.access(folder, os.W_OK):
        yield HealthCheck("storage", CheckStatus.FAIL, reason="not-writable", detail=str(folder))


def _system(settings: config.Settings) -> Iterator[HealthCheck]:
    measurements = Measurements(
        disk_free_bytes=probe_disk_free_bytes(settings.storage.path),
        disk_min_free_bytes=settings.storage.min_free_bytes,
        disk_read_only=probe_read_only(settings.storage.path),
        temperature_c=probe_temperature_c(),
        under_voltage=probe_under_voltage(),
        clock_quality=SystemClock().now().quality,
    )
    checks = {check.code: check for check in evaluate(measurements)}
    # No event is written here: only what would prevent it is known.
    if checks["storage"].status is CheckStatus.FAIL:
        yield checks["storage"]
    yield from (check for code, check in checks.items() if code in SYSTEM_CHECKS)


def _lists(settings: config.Settings) -> Iterator[HealthCheck]:
    keys = settings.keys
    now_at = SystemClock().now().utc_at
    issued = {}
    try:
        issued["trust-list"] = trust_list.load_trust_list(keys.trust_list, keys.root_public_key).issued_at
        if keys.denylist is not None:
            issued["denylist"] = denylist.load_denylist(keys.denylist, keys.root_public_key).issued_at
    except (KioskError, OSError) as error:
        yield HealthCheck("trust-list", CheckStatus.FAIL, reason="unusable", detail=str(error))
    ages = {code: (now_at - at).total_seconds() for code, at in issued.items()}
    yield from (check for check in evaluate(Measurements(lists_age_s=ages)) if check.code in ages)


def _broker(settings: config.Settings) -> Iterator[HealthCheck]:
    broker = settings.mqtt
    address = f"{broker.host}:{broker.port}"
    try:
        with socket.create_connection((broker.host, broker.port), timeout=CONNECT_TIMEOUT_S) as plain:
            if broker.tls:
                _tls_handshake(plain, broker)
    except (OSError, ssl.SSLError) as error:
        yield HealthCheck("broker", CheckStatus.WARN, reason="no-answer", detail=f"{address}: {error}")
    else:
        yield HealthCheck("broker", CheckStatus.PASS, reason="answers", detail=address)


def _tls_handshake(plain: socket.socket, broker: config.MqttSettings) -> None:
    context = ssl.create_default_context(cafile=str(broker.ca) if broker.ca else None)
    if broker.certificate is not None:
        context.load_cert_chain(str(broker.certificate), str(broker.key) if broker.key else None)
    with context.wrap_socket(plain, server_hostname=broker.host):
        """The handshake is the check."""
