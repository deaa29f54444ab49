"""The firmware drives the pins of the device's configuration, also after an upgrade."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs._generate.pages.wiring import BRANCHES
from kiosk import config
from kiosk.app.builders.hardware import check_firmware
from kiosk.config.schema import Settings
from kiosk.core.pins import INPUT_PINS, OUTPUT_PINS
from kiosk.core.status import CheckStatus
from kiosk.installer import gate_files
from kiosk.installer.layout import InstallLayout
from kiosk.installer.machine import boot_files, boot_pins
from tests.fakes.parts.installed_device import add_appliance
from tests.paths import PROJECT
from tests.unit.firmware_config.test_firmware import mistakes

SHIPPED = (PROJECT / "firmware_config/boot/config.txt").read_text(encoding="utf-8")

PINS = {**OUTPUT_PINS, **INPUT_PINS}
pins = st.integers(0, 27)
tables = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(PINS, pins),
        "active_high": st.booleans(),
        "presence_active_high": st.booleans(),
        "buzzer_kind": st.sampled_from(["active", "passive"]),
    },
)


def gpio_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("gpio=")]


def test_the_manual_draws_the_default_pins() -> None:
    drawn = {branch.name: branch.pin for branch in BRANCHES}
    assert drawn == PINS


def test_the_shipped_file_matches_the_default_pins() -> None:
    assert boot_pins.replace_gpio_lines(SHIPPED, {}) == SHIPPED


@pytest.mark.parametrize(
    ("gpio", "lines"),
    [
        ({"green": 16}, ["gpio=16,22,27=op,dl", "gpio=18,23=op,dl", "gpio=5,6,7=ip,pu"]),
        ({"active_high": False}, ["gpio=17,22,27=op,dh", "gpio=18,23=op,dh", "gpio=5,6,7=ip,pu"]),
        (
            {"active_high": False, "buzzer_kind": "passive", "presence_active_high": False},
            ["gpio=17,22,27=op,dh", "gpio=18=op,dl", "gpio=23=op,dh", "gpio=5,6=ip,pu", "gpio=7=ip,pd"],
        ),
        ({"buzzer": "none"}, ["gpio=17,22,27=op,dl", "gpio=23=op,dl", "gpio=5,6,7=ip,pu"]),
        ({"buzzer": "none", "relay": "none", "presence_sensor": "none"}, ["gpio=17,22,27=op,dl", "gpio=5,6=ip,pu"]),
        ({"relay": 5}, ["gpio=17,22,27=op,dl", "gpio=18,5=op,dl", "gpio=6,7=ip,pu"]),
        ({"green": "all", "red": 99, "amber": True}, ["gpio=17,22,27=op,dl", "gpio=18,23=op,dl", "gpio=5,6,7=ip,pu"]),
    ],
)
def test_gpio_lines_follow_the_configured_pins(gpio: dict[str, Any], lines: list[str]) -> None:
    assert sorted(gpio_lines(boot_pins.replace_gpio_lines(SHIPPED, gpio))) == sorted(lines)


@given(tables)
def test_for_any_configuration_the_file_is_valid_and_passes_the_check_of_firmware_pins(
    tmp_path_factory: pytest.TempPathFactory, table: dict[str, Any]
) -> None:
    text = boot_pins.replace_gpio_lines(SHIPPED, table)
    assert list(mistakes(text)) == []
    assert boot_pins.replace_gpio_lines(text, table) == text
    try:
        gpio = config.GpioSettings(**table)
    except ValueError:
        return  # two functions on one pin: the daemon rejects this
    path = tmp_path_factory.mktemp("boot") / "entrance-kiosk.txt"
    path.write_text(text, encoding="utf-8")
    check = check_firmware(gpio, path)
    assert check is not None
    assert check.status is CheckStatus.PASS, check.detail


def test_the_installer_knows_all_keys_of_the_gpio_section_and_no_other_section_has_them() -> None:
    assert set(config.GpioSettings.model_fields) == boot_pins.LEVEL_KEYS | boot_pins.OTHER_GPIO_KEYS
    for name, field in Settings.model_fields.items():
        keys = getattr(field.annotation, "model_fields", {})
        assert name == "gpio" or not boot_pins.LEVEL_KEYS & {name, *keys}


ACTIVE_LOW = ["gpio=17,22,27=op,dh", "gpio=18,24=op,dh", "gpio=5,6,7=ip,pu"]
UNCERTAIN = [
    b"[gpio]\nactive_high = false\nrelay = 24\nx = = 1\n",
    b"\xff\xfe[\x00g\x00",
    b"[gpio\nactive_high = false\n",
    b"[gpio]\nrelay = 24\nactive_high = false\nactive_high = false\n",
    b"gpio = 3\n",
    b"[[gpio]]\nactive_high = false\n",
    b'[gpio]\nactive_high = "false"\n',
    b"[gpio]\nactive_high = 0\n",
    b"[gpio]\nactiv_high = false\n",
    b"[gipo]\nactive_high = false\n",
    b"[signal]\nactive_high = false\n",
    b"active_high = false\n",
    b'[decoding]\nengine = "zxing"\n# [gpio]\nactive_high = false\n',
    b'[gpio]\nrelay = "24"\n',
    b"[gpio]\nrelay = 99\n",
    b'[gpio]\ngreen = "none"\n',
    b"[gpio]\nrelay = 24\nbuzzer = 24\n",
    b"[gpio]\nbuzzer_kind = 1\n",
    b"[gpio]\ngreen = 27\nactive_high = false\n",
    b"x = " + b"[" * 20_000,
]


def machine_with(tmp_path: Path, toml: bytes) -> InstallLayout:
    layout = InstallLayout(tmp_path)
    for folder in (layout.boot_dir, layout.program_dir, layout.config_dir):
        folder.mkdir(parents=True)
    (layout.boot_dir / "config.txt").write_text("", encoding="utf-8")
    (layout.boot_dir / "cmdline.txt").write_text("quiet\n", encoding="utf-8")
    layout.config_file.write_bytes(toml)
    add_appliance(layout)
    return layout


def write_example(layout: InstallLayout) -> None:
    layout.config_file.unlink()
    example = PROJECT / "docs/reference/files/kiosk.example.toml"
    gate_files.write_config(layout, example, {"site": "cho-mau", "gate": "cong-1"}, str)


@pytest.mark.parametrize("toml", UNCERTAIN)
def test_an_uncertain_configuration_leaves_the_gpio_lines_alone_and_says_so(
    tmp_path: Path, toml: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = machine_with(tmp_path, b"[gpio]\nrelay = 24\nactive_high = false\n")
    boot_files.write_boot_files(layout, lambda: True)
    installed = layout.boot_dir / "entrance-kiosk.txt"
    assert gpio_lines(installed.read_text(encoding="utf-8")) == ACTIVE_LOW
    layout.config_file.write_bytes(toml)
    capsys.readouterr()
    assert not boot_files.write_boot_files(layout, lambda: True)
    assert gpio_lines(installed.read_text(encoding="utf-8")) == ACTIVE_LOW
    assert "stay as they were" in capsys.readouterr().err


def test_a_configuration_that_the_release_refuses_leaves_the_gpio_lines_alone_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = machine_with(tmp_path, b"[gpio]\nrelay = 24\nactive_high = false\n")
    boot_files.write_boot_files(layout, lambda: True)
    layout.config_file.write_bytes(b"[gpio]\nrelay = 24\n[mqtt]\nport = -1\n")
    assert not boot_files.write_boot_files(layout, lambda: False)
    assert gpio_lines((layout.boot_dir / "entrance-kiosk.txt").read_text(encoding="utf-8")) == ACTIVE_LOW
    assert "stay as they were" in capsys.readouterr().err


def test_a_first_installation_with_an_uncertain_configuration_drives_no_pin(tmp_path: Path) -> None:
    layout = machine_with(tmp_path, b"x = = 1\n")
    boot_files.write_boot_files(layout, lambda: True)
    text = (layout.boot_dir / "entrance-kiosk.txt").read_text(encoding="utf-8")
    assert gpio_lines(text) == []
    assert "dtparam=watchdog=on" in text
    layout.config_file.write_bytes(b"[gpio]\nactive_high = false\n")
    boot_files.write_boot_files(layout, lambda: True)
    assert "gpio=17,22,27=op,dh" in gpio_lines((layout.boot_dir / "entrance-kiosk.txt").read_text(encoding="utf-8"))


@pytest.mark.parametrize("way", ["missing", "replaced by the example"])
def test_a_lost_configuration_leaves_the_gpio_lines_alone(tmp_path: Path, way: str) -> None:
    layout = machine_with(tmp_path, b"[gpio]\nrelay = 24\nactive_high = false\n")
    boot_files.write_boot_files(layout, lambda: True)
    if way == "missing":
        layout.config_file.unlink()
    else:
        write_example(layout)
    assert not boot_files.write_boot_files(layout, lambda: True)
    assert gpio_lines((layout.boot_dir / "entrance-kiosk.txt").read_text(encoding="utf-8")) == ACTIVE_LOW


def test_a_first_installation_has_the_pins_of_the_example(tmp_path: Path) -> None:
    layout = machine_with(tmp_path, b"")
    write_example(layout)
    boot_files.write_boot_files(layout, lambda: True)
    assert gpio_lines((layout.boot_dir / "entrance-kiosk.txt").read_text(encoding="utf-8")) == gpio_lines(SHIPPED)


def test_a_configuration_that_is_a_folder_leaves_the_gpio_lines_alone(tmp_path: Path) -> None:
    layout = machine_with(tmp_path, b"[gpio]\nrelay = 24\nactive_high = false\n")
    boot_files.write_boot_files(layout, lambda: True)
    layout.config_file.unlink()
    layout.config_file.mkdir()
    assert not boot_files.write_boot_files(layout, lambda: True)


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_give_either_a_clear_table_or_the_one_error(content: bytes) -> None:
    with contextlib.suppress(boot_pins.GpioUnreadableError):
        assert set(boot_pins.gpio_settings(content)) <= set(config.GpioSettings.model_fields)


@given(tables, st.data())
def test_a_configuration_that_the_daemon_refuses_never_gives_gpio_lines(
    table: dict[str, Any], data: st.DataObject
) -> None:
    key = data.draw(st.sampled_from([*config.GpioSettings.model_fields, "activ_high"]))
    value = data.draw(st.booleans() | st.integers(-3, 40) | st.sampled_from(["none", "false", "active", "5"]))
    toml = "[gpio]\n" + "".join(f"{name} = {json.dumps(found)}\n" for name, found in (table | {key: value}).items())
    try:
        found = boot_pins.gpio_settings(toml.encode())
    except boot_pins.GpioUnreadableError:
        return
    if set(found) <= boot_pins.LEVEL_KEYS:
        settings = config.GpioSettings.model_validate(found)
        assert all(getattr(settings, name) in (value, None) for name, value in found.items())


def test_an_upgrade_writes_the_configured_pins(tmp_path: Path) -> None:
    layout = machine_with(tmp_path, b"[gpio]\nrelay = 24\nactive_high = false\n")
    for _ in range(2):
        boot_files.write_boot_files(layout, lambda: True)
        text = (layout.boot_dir / "entrance-kiosk.txt").read_text(encoding="utf-8")
        assert "gpio=18,24=op,dh" in gpio_lines(text)
    assert not boot_files.write_boot_files(layout, lambda: True)
