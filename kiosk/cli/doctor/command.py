"""`kiosk doctor`: look over this device, and say in words what to do. Subcommands look at one part closely."""

import importlib
import os
import socket
import ssl
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from kiosk import config
from kiosk.core.ports import CameraError, KioskError, SignalError
from kiosk.core.status import CheckStatus, HealthCheck
from kiosk.credentials.trust import denylist, trust_list
from kiosk.hardware.cameras.factory import open_camera
from kiosk.hardware.gpio.buttons import read_button_states
from kiosk.hardware.gpio.presence_sensor import open_presence_sensor
from kiosk.hardware.gpio.signal_output import all_outputs_off
from kiosk.health import Measurements, evaluate
from kiosk.health.firmware_pins import check_firmware_pins
from kiosk.health.probes import probe_disk_free_bytes, probe_read_only, probe_temperature_c, probe_under_voltage
from kiosk.system.clock import SystemClock
from kiosk.system.status_file import read_status

CONNECT_TIMEOUT_S = 5.0
SUBCOMMANDS = {"camera": "kiosk.cli.doctor.camera:camera"}
STATUS_LABELS = {
    CheckStatus.PASS: ("pass", "green"),
    CheckStatus.WARN: ("warn", "yellow"),
    CheckStatus.FAIL: ("fail", "red"),
}

DeviceProbe = Callable[[config.Settings], Iterator[HealthCheck]]


class DoctorGroup(click.Group):
    """Loads a subcommand's file when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Names of the closer looks."""
        return sorted(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's signature
        """Import it."""
        if cmd_name not in SUBCOMMANDS:
            return None
        module, _, attribute = SUBCOMMANDS[cmd_name].partition(":")
        found = getattr(importlib.import_module(module), attribute)
        assert isinstance(found, click.Command)
        return found


@click.group(cls=DoctorGroup, invoke_without_command=True)
@click.option(
    "--config", "path", type=click.Path(path_type=Path), default=config.DEFAULT_PATH, help="Configuration file."
)
@click.option("--acceptance", is_flag=True, help="Walk through what only a real Pi can show, and write a report.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(),
    help="Folder of that report.",
)
@click.pass_context
def doctor(ctx: click.Context, path: Path, *, acceptance: bool, report: Path) -> None:
    """Look over camera, pins, disk, clock, keys, lists and the way to the centre. Exit status 1 when something is bad.

    Camera and pins are tried only while the kiosk is stopped. For a running kiosk its own health checks are shown.
    """
    if ctx.invoked_subcommand is not None:
        return
    settings = config.load_settings(path)
    if acceptance:
        from kiosk.cli.acceptance.command import run_acceptance  # noqa: PLC0415  only where it is asked for

        sys.exit(run_acceptance(settings, report))
    worst = CheckStatus.PASS
    for fact in run_checks(settings):
        word, colour = STATUS_LABELS[fact.status]
        sentence = fact.vi if settings.site.language == "vi" else fact.en
        click.echo(click.style(f"{word:<5}", fg=colour) + f"{fact.name:<14}{sentence}" + _format_value(fact))
        worst = (
            CheckStatus.FAIL
            if CheckStatus.FAIL in (worst, fact.status)
            else fact.status
            if worst is CheckStatus.PASS
            else worst
        )
    sys.exit(1 if worst is CheckStatus.FAIL else 0)


def run_checks(settings: config.Settings) -> Iterator[HealthCheck]:
    """All facts about this device, one part after the other; none is skipped because another one is bad."""
    running = daemon_checks(settings)
    checks: list[DeviceProbe] = [_files, _firmware_pins, _disk, _system, _lists, _broker]
    if running is None:
        checks = [_files, _firmware_pins, _pins, _buttons, _presence, _camera, _disk, _system, _lists, _broker]
    for check in checks:
        yield from check(settings)
    if running is not None:
        yield _health_check(
            "kiosk", CheckStatus.PASS, "Kiosk đang chạy; sau đây là tự kiểm tra của nó.", "It runs; its own self-check:"
        )
        yield from running


def daemon_checks(settings: config.Settings) -> list[HealthCheck] | None:
    """What the running daemon says of itself; None where none runs."""
    found: Mapping[str, Any] | None = read_status(settings.run_dir)
    if found is None or not Path(f"/proc/{found['pid']}").exists():
        return None
    return [HealthCheck(**{**fact, "grade": CheckStatus(fact["grade"])}) for fact in found["facts"]]


def _health_check(name: str, status: CheckStatus, vi: str, en: str, value: str = "") -> HealthCheck:
    return HealthCheck(name=name, status=status, value=value, vi=vi, en=en)


def _format_value(check: HealthCheck) -> str:
    return f" [{check.value}]" if check.value else ""


def _files(settings: config.Settings) -> Iterator[HealthCheck]:
    missing = list(config.missing_file_errors(settings))
    for sentence in missing:
        vi = f"Tệp trong cấu hình không dùng được: {sentence} Hãy chép tệp vào đúng chỗ hoặc sửa cấu hình."
        yield _health_check(
            "files", CheckStatus.FAIL, vi, f"{sentence} Put the file there, or correct the configuration."
        )
    if not missing:
        yield _health_check(
            "files", CheckStatus.PASS, "Các tệp trong cấu hình đều có.", "Every file of the configuration is there."
        )


def _firmware_pins(settings: config.Settings) -> Iterator[HealthCheck]:
    fact = check_firmware_pins(settings.gpio) if settings.gpio.pin_factory == "lgpio" else None
    if fact is not None:
        yield fact


def _pins(settings: config.Settings) -> Iterator[HealthCheck]:
    try:
        all_outputs_off(settings.gpio)
    except SignalError as trouble:
        vi = f"Không dùng được chân GPIO: {trouble}. Hãy kiểm tra quyền (nhóm gpio) và dây nối."
        yield _health_check("pins", CheckStatus.FAIL, vi, f"{trouble}. Check the group gpio and the wiring.")
    else:
        vi = "Chân đèn và còi sẵn sàng; thử đèn: kiosk signal pass."
        yield _health_check("pins", CheckStatus.PASS, vi, "The pins are free; try the lamps: kiosk signal pass.")


def _buttons(settings: config.Settings) -> Iterator[HealthCheck]:
    try:
        down = read_button_states(settings.gpio)
    except SignalError as trouble:
        vi = f"Không dùng được chân của nút bấm: {trouble}. Hãy kiểm tra cấu hình và dây nối."
        yield _health_check("buttons", CheckStatus.FAIL, vi, f"{trouble}. Check the configuration and the wiring.")
        return
    for name, pressed in down.items():
        yield button_check(name, pressed=pressed)


def button_check(name: str, *, pressed: bool) -> HealthCheck:
    """What a button's pin says while nobody should be pressing it."""
    if pressed:
        vi = f"gpio.{name} đang bị đè. Nếu không ai bấm: nút kẹt, hoặc dây chạm đất."
        return _health_check(
            "buttons", CheckStatus.WARN, vi, f"gpio.{name} is down. If nobody presses: it sticks, or its wire is short."
        )
    return _health_check("buttons", CheckStatus.PASS, f"gpio.{name} sẵn sàng.", f"gpio.{name} is ready.")


def _presence(settings: config.Settings) -> Iterator[HealthCheck]:
    said: list[bool] = []
    try:
        sensor = open_presence_sensor(settings.gpio, said.append)
    except SignalError as trouble:
        vi = f"Không dùng được chân của cảm biến có người: {trouble}. Hãy kiểm tra cấu hình và dây nối."
        yield _health_check("presence", CheckStatus.FAIL, vi, f"{trouble}. Check the configuration and the wiring.")
        return
    if sensor is not None:
        sensor.close()
        yield presence_check(present=said[0])


def presence_check(*, present: bool) -> HealthCheck:
    """What the sensor says to the technician who stands before it."""
    if present:
        vi = "Cảm biến thấy có người. Hãy bước ra và thử lại: nếu vẫn báo có người thì dây đứt hoặc cảm biến kẹt."
        en = "It sees somebody. Step away and try again: if it still does, its wire is cut or it is stuck."
        return _health_check("presence", CheckStatus.PASS, vi, en)
    vi = "Cảm biến không thấy ai. Nếu bạn đang đứng trước cổng: hãy chỉnh hướng hoặc kiểm tra cảm biến."
    return _health_check(
        "presence", CheckStatus.PASS, vi, "It sees nobody. If you stand before the gate, turn it or check it."
    )


def _camera(settings: config.Settings) -> Iterator[HealthCheck]:
    try:
        camera = open_camera(settings.camera)
        try:
            camera.open()
            frame = camera.capture(settings.camera.timeout_s)
        finally:
            camera.close()
    except CameraError as trouble:
        vi = f"Camera không cho hình: {trouble}. Hãy kiểm tra cáp và cấu hình camera.source."
        yield _health_check("camera", CheckStatus.FAIL, vi, f"{trouble}. Check the cable and camera.source.")
    else:
        height, width = frame.luma.shape
        vi = "Camera cho hình; xem kỹ hơn: kiosk doctor camera."
        yield _health_check(
            "camera", CheckStatus.PASS, vi, "It gives pictures; look closer: kiosk doctor camera.", f"{width}x{height}"
        )


def _disk(settings: config.Settings) -> Iterator[HealthCheck]:
    folder = settings.storage.path.parent
    if folder.is_dir() and not os.access(folder, os.W_OK):
        vi = f"Không ghi được vào {folder}. Hãy chạy lệnh này bằng người dùng của kiosk, hoặc kiểm tra thẻ nhớ."
        en = f"{folder} cannot be written. Run this as the kiosk's user, or check whether the card is read-only."
        yield _health_check("records", CheckStatus.FAIL, vi, en)


def _system(settings: config.Settings) -> Iterator[HealthCheck]:
    measures = Measurements(
        disk_free_bytes=probe_disk_free_bytes(settings.storage.path),
        disk_min_free_bytes=settings.storage.min_free_bytes,
        disk_read_only=probe_read_only(settings.storage.path),
        temperature_c=probe_temperature_c(),
        under_voltage=probe_under_voltage(),
        clock_quality=SystemClock().now().quality,
    )
    facts = {fact.name: fact for fact in evaluate(measures)}
    # Whether a record can be committed is not tried here, only what forbids it.
    if facts["records"].status is CheckStatus.FAIL:
        yield facts["records"]
    yield from (fact for name, fact in facts.items() if name in ("disk", "temperature", "power", "clock"))


def _lists(settings: config.Settings) -> Iterator[HealthCheck]:
    keys = settings.keys
    now_at = SystemClock().now().utc_at
    ages: dict[str, float] = {}
    try:
        ages["trust"] = (
            now_at - trust_list.load_trust_list(keys.trust_list, keys.root_public_key).issued_at
        ).total_seconds()
        if keys.denylist is not None:
            ages["denied"] = (
                now_at - denylist.load_denylist(keys.denylist, keys.root_public_key).issued_at
            ).total_seconds()
    except (KioskError, OSError) as trouble:
        vi = f"Danh sách tin cậy không dùng được: {trouble}. Hãy lấy lại danh sách từ trung tâm."
        yield _health_check("lists", CheckStatus.FAIL, vi, f"{trouble}. Fetch the lists from the centre again.")
    yield from (fact for fact in evaluate(Measurements(lists_age_s=ages)) if fact.name.startswith("list-"))


def _broker(settings: config.Settings) -> Iterator[HealthCheck]:
    broker = settings.mqtt
    where = f"{broker.host}:{broker.port}"
    try:
        with socket.create_connection((broker.host, broker.port), timeout=CONNECT_TIMEOUT_S) as plain:
            if broker.tls:
                _tls_handshake(plain, broker)
    except (OSError, ssl.SSLError) as trouble:
        vi = f"Không nối được với trung tâm {where}: {trouble}. Kiosk vẫn chạy và giữ lượt qua; hãy kiểm tra mạng."
        en = f"{where}: {trouble}. The kiosk works and keeps the passages; check network, address and certificates."
        yield _health_check("broker", CheckStatus.WARN, vi, en)
    else:
        yield _health_check("broker", CheckStatus.PASS, "Nối được với trung tâm.", "The broker answers.", where)


def _tls_handshake(plain: socket.socket, broker: config.MqttSettings) -> None:
    context = ssl.create_default_context(cafile=str(broker.ca) if broker.ca else None)
    if broker.certificate is not None:
        context.load_cert_chain(str(broker.certificate), str(broker.key) if broker.key else None)
    with context.wrap_socket(plain, server_hostname=broker.host):
        """The handshake is the check."""
