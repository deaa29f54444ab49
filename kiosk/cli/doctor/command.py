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
from kiosk.core import status as snapshot
from kiosk.core.ports import CameraTrouble, KioskError, SignalTrouble
from kiosk.core.status import Fact, Grade
from kiosk.credentials.trust import denylist, trust_list
from kiosk.hardware.cameras.factory import open_camera
from kiosk.hardware.gpio.buttons import buttons_down
from kiosk.hardware.gpio.presence_sensor import open_presence
from kiosk.hardware.gpio.signal_output import put_dark
from kiosk.health import Measures, judge
from kiosk.health.firmware_pins import boot_fact
from kiosk.health.probes import probe_disk_free_bytes, probe_read_only, probe_temperature_c, probe_under_voltage
from kiosk.system.clock import SystemClock

CONNECT_S = 5.0
SUBCOMMANDS = {"camera": "kiosk.cli.doctor.camera:camera"}
MARKS = {Grade.OK: ("ok", "green"), Grade.WARN: ("look", "yellow"), Grade.BROKEN: ("BAD", "red")}

Check = Callable[[config.Settings], Iterator[Fact]]


class Doctor(click.Group):
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


@click.group(cls=Doctor, invoke_without_command=True)
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

    Camera and pins are tried only while the kiosk is not running; of a running one its own self-check is shown.
    """
    if ctx.invoked_subcommand is not None:
        return
    settings = config.load(path)
    if acceptance:
        from kiosk.cli.acceptance.command import accept  # noqa: PLC0415  only where it is asked for

        sys.exit(accept(settings, report))
    worst = Grade.OK
    for fact in examine(settings):
        word, colour = MARKS[fact.grade]
        sentence = fact.vi if settings.site.language == "vi" else fact.en
        click.echo(click.style(f"{word:<5}", fg=colour) + f"{fact.name:<14}{sentence}" + _valued(fact))
        worst = Grade.BROKEN if Grade.BROKEN in (worst, fact.grade) else fact.grade if worst is Grade.OK else worst
    sys.exit(1 if worst is Grade.BROKEN else 0)


def examine(settings: config.Settings) -> Iterator[Fact]:
    """All facts about this device, one part after the other; none is skipped because another one is bad."""
    running = running_facts(settings)
    checks: list[Check] = [_files, _boot, _disk, _machine, _lists, _broker]
    if running is None:
        checks = [_files, _boot, _pins, _buttons, _presence, _camera, _disk, _machine, _lists, _broker]
    for check in checks:
        yield from check(settings)
    if running is not None:
        yield _fact(
            "kiosk", Grade.OK, "Kiosk đang chạy; sau đây là tự kiểm tra của nó.", "It runs; its own self-check:"
        )
        yield from running


def running_facts(settings: config.Settings) -> list[Fact] | None:
    """What the running daemon says of itself; None where none runs."""
    found: Mapping[str, Any] | None = snapshot.load(settings.run_dir)
    if found is None or not Path(f"/proc/{found['pid']}").exists():
        return None
    return [Fact(**{**fact, "grade": Grade(fact["grade"])}) for fact in found["facts"]]


def _fact(name: str, status: Grade, vi: str, en: str, value: str = "") -> Fact:
    return Fact(name=name, grade=status, value=value, vi=vi, en=en)


def _valued(check: Fact) -> str:
    return f" [{check.value}]" if check.value else ""


def _files(settings: config.Settings) -> Iterator[Fact]:
    missing = list(config.missing_files(settings))
    for sentence in missing:
        vi = f"Tệp trong cấu hình không dùng được: {sentence} Hãy chép tệp vào đúng chỗ hoặc sửa cấu hình."
        yield _fact("files", Grade.BROKEN, vi, f"{sentence} Put the file there, or correct the configuration.")
    if not missing:
        yield _fact("files", Grade.OK, "Các tệp trong cấu hình đều có.", "Every file of the configuration is there.")


def _boot(settings: config.Settings) -> Iterator[Fact]:
    fact = boot_fact(settings.signal) if settings.signal.pins == "gpio" else None
    if fact is not None:
        yield fact


def _pins(settings: config.Settings) -> Iterator[Fact]:
    try:
        put_dark(settings.signal)
    except SignalTrouble as trouble:
        vi = f"Không dùng được chân GPIO: {trouble}. Hãy kiểm tra quyền (nhóm gpio) và dây nối."
        yield _fact("pins", Grade.BROKEN, vi, f"{trouble}. Check the group gpio and the wiring.")
    else:
        vi = "Chân đèn và còi sẵn sàng; thử đèn: kiosk signal pass."
        yield _fact("pins", Grade.OK, vi, "The pins are free; try the lamps: kiosk signal pass.")


def _buttons(settings: config.Settings) -> Iterator[Fact]:
    try:
        down = buttons_down(settings.signal)
    except SignalTrouble as trouble:
        vi = f"Không dùng được chân của nút bấm: {trouble}. Hãy kiểm tra cấu hình và dây nối."
        yield _fact("buttons", Grade.BROKEN, vi, f"{trouble}. Check the configuration and the wiring.")
        return
    for name, pressed in down.items():
        yield button_fact(name, pressed=pressed)


def button_fact(name: str, *, pressed: bool) -> Fact:
    """What a button's pin says while nobody should be pressing it."""
    if pressed:
        vi = f"signal.{name} đang bị đè. Nếu không ai bấm: nút kẹt, hoặc dây chạm đất."
        return _fact(
            "buttons", Grade.WARN, vi, f"signal.{name} is down. If nobody presses: it sticks, or its wire is short."
        )
    return _fact("buttons", Grade.OK, f"signal.{name} sẵn sàng.", f"signal.{name} is ready.")


def _presence(settings: config.Settings) -> Iterator[Fact]:
    said: list[bool] = []
    try:
        sensor = open_presence(settings.signal, said.append)
    except SignalTrouble as trouble:
        vi = f"Không dùng được chân của cảm biến có người: {trouble}. Hãy kiểm tra cấu hình và dây nối."
        yield _fact("presence", Grade.BROKEN, vi, f"{trouble}. Check the configuration and the wiring.")
        return
    if sensor is not None:
        sensor.close()
        yield presence_fact(present=said[0])


def presence_fact(*, present: bool) -> Fact:
    """What the sensor says to the technician who stands before it."""
    if present:
        vi = "Cảm biến thấy có người. Hãy bước ra và thử lại: nếu vẫn báo có người thì dây đứt hoặc cảm biến kẹt."
        en = "It sees somebody. Step away and try again: if it still does, its wire is cut or it is stuck."
        return _fact("presence", Grade.OK, vi, en)
    vi = "Cảm biến không thấy ai. Nếu bạn đang đứng trước cổng: hãy chỉnh hướng hoặc kiểm tra cảm biến."
    return _fact("presence", Grade.OK, vi, "It sees nobody. If you stand before the gate, turn it or check it.")


def _camera(settings: config.Settings) -> Iterator[Fact]:
    try:
        camera = open_camera(settings.camera)
        try:
            camera.open()
            frame = camera.capture(settings.camera.timeout_s)
        finally:
            camera.close()
    except CameraTrouble as trouble:
        vi = f"Camera không cho hình: {trouble}. Hãy kiểm tra cáp và cấu hình camera.source."
        yield _fact("camera", Grade.BROKEN, vi, f"{trouble}. Check the cable and camera.source.")
    else:
        height, width = frame.luma.shape
        vi = "Camera cho hình; xem kỹ hơn: kiosk doctor camera."
        yield _fact("camera", Grade.OK, vi, "It gives pictures; look closer: kiosk doctor camera.", f"{width}x{height}")


def _disk(settings: config.Settings) -> Iterator[Fact]:
    folder = settings.records.path.parent
    if folder.is_dir() and not os.access(folder, os.W_OK):
        vi = f"Không ghi được vào {folder}. Hãy chạy lệnh này bằng người dùng của kiosk, hoặc kiểm tra thẻ nhớ."
        en = f"{folder} cannot be written. Run this as the kiosk's user, or check whether the card is read-only."
        yield _fact("records", Grade.BROKEN, vi, en)


def _machine(settings: config.Settings) -> Iterator[Fact]:
    measures = Measures(
        disk_free_bytes=probe_disk_free_bytes(settings.records.path),
        disk_floor_bytes=settings.records.floor_bytes,
        disk_read_only=probe_read_only(settings.records.path),
        temperature_c=probe_temperature_c(),
        under_voltage=probe_under_voltage(),
        clock=SystemClock().now().quality,
    )
    facts = {fact.name: fact for fact in judge(measures)}
    # Whether a record can be committed is not tried here, only what forbids it.
    if facts["records"].grade is Grade.BROKEN:
        yield facts["records"]
    yield from (fact for name, fact in facts.items() if name in ("disk", "temperature", "power", "clock"))


def _lists(settings: config.Settings) -> Iterator[Fact]:
    keys = settings.keys
    now_at = SystemClock().now().at
    ages: dict[str, float] = {}
    try:
        ages["trust"] = (now_at - trust_list.load(keys.trust_list, keys.root).issued_at).total_seconds()
        if keys.denylist is not None:
            ages["denied"] = (now_at - denylist.load(keys.denylist, keys.root).issued_at).total_seconds()
    except (KioskError, OSError) as trouble:
        vi = f"Danh sách tin cậy không dùng được: {trouble}. Hãy lấy lại danh sách từ trung tâm."
        yield _fact("lists", Grade.BROKEN, vi, f"{trouble}. Fetch the lists from the centre again.")
    yield from (fact for fact in judge(Measures(lists_age_s=ages)) if fact.name.startswith("list-"))


def _broker(settings: config.Settings) -> Iterator[Fact]:
    broker = settings.broker
    where = f"{broker.host}:{broker.port}"
    try:
        with socket.create_connection((broker.host, broker.port), timeout=CONNECT_S) as plain:
            if broker.tls:
                _shake_hands(plain, broker)
    except (OSError, ssl.SSLError) as trouble:
        vi = f"Không nối được với trung tâm {where}: {trouble}. Kiosk vẫn chạy và giữ lượt qua; hãy kiểm tra mạng."
        en = f"{where}: {trouble}. The kiosk works and keeps the passages; check network, address and certificates."
        yield _fact("broker", Grade.WARN, vi, en)
    else:
        yield _fact("broker", Grade.OK, "Nối được với trung tâm.", "The broker answers.", where)


def _shake_hands(plain: socket.socket, broker: config.Broker) -> None:
    context = ssl.create_default_context(cafile=str(broker.ca) if broker.ca else None)
    if broker.certificate is not None:
        context.load_cert_chain(str(broker.certificate), str(broker.key) if broker.key else None)
    with context.wrap_socket(plain, server_hostname=broker.host):
        """The handshake is the check."""
