"""The firmware drives the pins of the device's configuration, also after an upgrade."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs._generate.pages.wiring import BRANCHES
from kiosk import config
from kiosk.app.builders.hardware import check_firmware
from kiosk.core.pins import INPUT_PINS, OUTPUT_PINS
from kiosk.core.status import CheckStatus
from kiosk.installer.layout import InstallLayout
from kiosk.installer.machine import boot_pins, system_files
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


@given(st.text())
def test_an_invalid_configuration_gives_the_default_pins(text: str) -> None:
    assert isinstance(boot_pins.gpio_settings(text), dict)


def test_an_upgrade_writes_the_configured_pins(tmp_path: Path) -> None:
    layout = InstallLayout(tmp_path)
    for folder in (layout.boot_dir, layout.program_dir, layout.config_dir):
        folder.mkdir(parents=True)
    (layout.boot_dir / "config.txt").write_text("", encoding="utf-8")
    (layout.boot_dir / "cmdline.txt").write_text("quiet\n", encoding="utf-8")
    layout.config_file.write_text("[gpio]\nrelay = 24\nactive_high = false\n", encoding="utf-8")
    for _ in range(2):
        system_files.install_firmware_config(PROJECT, layout)
        text = (layout.boot_dir / "entrance-kiosk.txt").read_text(encoding="utf-8")
        assert "gpio=18,24=op,dh" in gpio_lines(text)
    assert not system_files.install_firmware_config(PROJECT, layout)
