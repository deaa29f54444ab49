"""The health checks of `kiosk doctor`."""

import os
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import isfinite
from pathlib import Path

from kiosk import config
from kiosk.app.builders import hardware
from kiosk.app.builders.delivery import broker_endpoints
from kiosk.app.builders.preflight import Severity, check_settings, finding_message
from kiosk.app.status_collector import CHECK_OF_LIST
from kiosk.core.ports import CameraError, ScannerError, SignalError
from kiosk.core.status import CheckStatus, HealthCheck
from kiosk.credentials.trust import list_loader
from kiosk.health import Measurements, evaluate
from kiosk.health.probes import probe_disk_free_bytes, probe_read_only, probe_temperature_c, probe_under_voltage
from kiosk.system.clock import SystemClock
from kiosk.system.messages import broker_error_message
from kiosk.system.status_file import is_stale, read_status, status_age_s
from kiosk.system.translations import translator
from mqtt.connection import BrokerConnectionError, BrokerEndpoint
from mqtt.tls import make_context, tls_error

CONNECT_TIMEOUT_S = 5.0
SYSTEM_CHECKS = ("disk", "temperature", "power", "clock")

DeviceProbe = Callable[[config.Settings], Iterator[HealthCheck]]


def run_checks(settings: config.Settings) -> Iterator[HealthCheck]:
    """All checks of this device, one part after the other. None is skipped because another one failed.

    Camera and pins are tried only while the kiosk is stopped. The checks of a running kiosk come last.
    """
    running = daemon_checks(settings)
    if not settings.is_enrolled and running is None:  # a running daemon says how far its enrolment is
        yield HealthCheck("enrolment", CheckStatus.WARN, reason="not-enrolled")
    probes: list[DeviceProbe] = [_files, _firmware_pins, _disk, _system, _lists, _broker]
    if running is None:
        probes = [
            _files,
            _firmware_pins,
            _gpio,
            _buttons,
            _presence,
            _camera,
            _scanner,
            _disk,
            _system,
            _lists,
            _broker,
        ]
    for probe in probes:
        if settings.is_enrolled or probe not in {_lists, _broker}:  # it has neither lists nor a broker yet
            yield from probe(settings)
    if running is not None:
        if not any(check.code == "kiosk" for check in running):
            yield HealthCheck("kiosk", CheckStatus.PASS)
        yield from running


def daemon_checks(settings: config.Settings) -> list[HealthCheck] | None:
    """The health checks in the status of the running daemon. None if none is running. One that does not answer fails."""
    found = read_status(settings.run_dir)
    if found is None or not Path(f"/proc/{found.get('pid')}").exists():
        return None
    age_s = status_age_s(settings.run_dir, found)
    if is_stale(age_s):
        return [HealthCheck("kiosk", CheckStatus.FAIL, abs(round(age_s)) if isfinite(age_s) else None, "s", "stale")]
    try:
        return [HealthCheck(**{**check, "status": CheckStatus(check["status"])}) for check in found["checks"]]
    except (KeyError, TypeError, ValueError) as error:
        return [HealthCheck("kiosk", CheckStatus.FAIL, reason="stale", detail=f"status.json: {error!r}")]


def _files(settings: config.Settings) -> Iterator[HealthCheck]:
    """The same findings as `kiosk check-config`. The lists have checks of their own."""
    t = translator(settings.site.language)
    findings = [each for each in check_settings(settings) if not each.code.startswith("list-")]
    mistakes = [each for each in findings if each.severity > Severity.NOTICE]
    for each in mistakes:
        yield HealthCheck("files", CheckStatus.FAIL, reason="missing", detail=finding_message(t, each))
    if not mistakes:
        yield HealthCheck("files", CheckStatus.PASS)
    for each in findings:
        if each.severity is Severity.NOTICE:
            yield HealthCheck("settings", CheckStatus.WARN, reason="finding", detail=finding_message(t, each))


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
    if settings.has_scanner_only:
        return
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


def _scanner(settings: config.Settings) -> Iterator[HealthCheck]:
    scanner = hardware.build_scanner(settings)
    if scanner is None:
        return
    try:
        scanner.open()
    except ScannerError as error:
        yield HealthCheck("scanner", CheckStatus.FAIL, reason="error", detail=str(error))
    else:
        yield HealthCheck("scanner", CheckStatus.PASS)
    finally:
        scanner.close()


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
    """The lists that a kiosk would use that starts now. Without a trust list it cannot start."""
    keys, now_at = settings.keys, SystemClock().now().utc_at
    try:
        root_pem = keys.root_public_key.read_bytes()
    except OSError:  # `_files` has said so
        return
    found = list_loader.inspect_lists(
        trust_path=keys.trust_list,
        root_pem=root_pem,
        denylist_path=keys.denylist,
        copies_dir=settings.storage.path.parent,
        sealing_keys_path=keys.sealing_keys,
    )
    ends_at = found.sealing_keys_end_at
    measurements = Measurements(
        lists_age_s={CHECK_OF_LIST[name]: (now_at - at).total_seconds() for name, at in found.issued_at.items()},
        list_problems={CHECK_OF_LIST[name]: each for name, each in found.problems.items()},
        sealing_keys_left_s=None if ends_at is None else (ends_at - now_at).total_seconds(),
    )
    for check in evaluate(measurements):
        if check.code in CHECK_OF_LIST.values():
            fatal = check.code != "denylist" and check.reason == "unusable"
            yield replace(check, status=CheckStatus.FAIL) if fatal else check


def _broker(settings: config.Settings) -> Iterator[HealthCheck]:
    """One check for each address."""
    for endpoint in broker_endpoints(settings.mqtt):
        try:
            context = make_context(endpoint) if endpoint.tls else None
            with socket.create_connection((endpoint.host, endpoint.port), timeout=CONNECT_TIMEOUT_S) as plain:
                if context is not None:
                    _tls_handshake(plain, endpoint, context)
        except BrokerConnectionError as error:
            text = broker_error_message(translator(settings.site.language), error)
            yield HealthCheck("broker", CheckStatus.WARN, reason="no-answer", detail=f"{endpoint}: {text}")
        except OSError as error:
            yield HealthCheck("broker", CheckStatus.WARN, reason="no-answer", detail=f"{endpoint}: {error}")
        else:
            yield HealthCheck("broker", CheckStatus.PASS, reason="answers", detail=str(endpoint))


def _tls_handshake(plain: socket.socket, endpoint: BrokerEndpoint, context: ssl.SSLContext) -> None:
    """The handshake is the check. Raises BrokerConnectionError."""
    try:
        with context.wrap_socket(plain, server_hostname=endpoint.host):
            return
    except OSError as error:  # SSLError is one
        raise tls_error(endpoint, error, context) from error
