"""The firmware holds the pins of this device's configuration, whatever was shipped, and an upgrade leaves it so."""

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


def test_what_is_shipped_is_what_the_default_pins_need() -> None:
    assert boot_pins.replace_gpio_lines(SHIPPED, {}) == SHIPPED


@pytest.mark.parametrize(
    ("signal", "lines"),
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
def test_the_lines_are_those_of_the_pins(signal: dict[str, Any], lines: list[str]) -> None:
    assert sorted(gpio_lines(boot_pins.replace_gpio_lines(SHIPPED, signal))) == sorted(lines)


@given(tables)
def test_whatever_is_configured_the_file_is_well_formed_and_the_doctor_finds_every_output_held(
    tmp_path_factory: pytest.TempPathFactory, table: dict[str, Any]
) -> None:
    text = boot_pins.replace_gpio_lines(SHIPPED, table)
    assert list(mistakes(text)) == []
    assert boot_pins.replace_gpio_lines(text, table) == text
    try:
        signal = config.GpioSettings(**table)
    except ValueError:
        return  # two on one pin: the daemon does not start with it
    path = tmp_path_factory.mktemp("boot") / "entrance-kiosk.txt"
    path.write_text(text, encoding="utf-8")
    fact = check_firmware(signal, path)
    assert fact is not None
    assert fact.status is CheckStatus.PASS, fact.detail


@given(st.text())
def test_a_configuration_that_cannot_be_read_leaves_the_defaults(text: str) -> None:
    assert isinstance(boot_pins.gpio_settings(text), dict)


def test_an_upgrade_writes_the_pins_that_are_configured_here(tmp_path: Path) -> None:
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
