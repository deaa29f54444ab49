"""The check of firmware pins: the firmware drives every configured output to its off level before Linux runs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.core.pins import OUTPUT_PINS, default_pin
from kiosk.core.status import CheckStatus, HealthCheck
from kiosk.health.firmware_pins import check_firmware_pins, driven_levels
from tests.paths import PROJECT

WIRED = {name: pin for name in OUTPUT_PINS if (pin := default_pin(name)) is not None}
SHIPPED = PROJECT / "firmware_config/boot/config.txt"


def found(text: str, folder: Path, *, active_high: bool = True, passive: bool = False, **outputs: int) -> HealthCheck:
    path = folder / "entrance-kiosk.txt"
    path.write_text(text, encoding="utf-8")
    check = check_firmware_pins({**WIRED, **outputs}, active_high=active_high, passive_buzzer=passive, path=path)
    assert check is not None
    return check


def test_the_shipped_file_matches_the_default_pins_and_the_relay_of_the_manual(tmp_path: Path) -> None:
    assert found(SHIPPED.read_text(encoding="utf-8"), tmp_path, relay=23).status is CheckStatus.PASS


def test_a_pin_that_was_changed_in_one_file_only_is_named(tmp_path: Path) -> None:
    check = found(SHIPPED.read_text(encoding="utf-8"), tmp_path, green=16, relay=23)
    assert check.status is CheckStatus.WARN
    assert check.detail == "GPIO 16 (gpio.green)"


def test_an_active_low_board_needs_high_levels(tmp_path: Path) -> None:
    low, high = "gpio=17,22,27,18=op,dl\n", "gpio=17,22,27,18=op,dh\n"
    assert found(low, tmp_path, active_high=False).status is CheckStatus.WARN
    assert found(high, tmp_path, active_high=False).status is CheckStatus.PASS
    assert "gpio.buzzer" in found(high, tmp_path, active_high=False, passive=True).detail
    assert found(high + "gpio=18=op,dl\n", tmp_path, active_high=False, passive=True).status is CheckStatus.PASS


def test_without_the_file_there_is_no_check(tmp_path: Path) -> None:
    assert check_firmware_pins(WIRED, active_high=True, passive_buzzer=False, path=tmp_path / "absent.txt") is None


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("gpio=4=op,dl", {4: False}),
        ("gpio=4-6,9=op,dh", {4: True, 5: True, 6: True, 9: True}),
        ("gpio=4=op,dl\ngpio=4=ip,pu", {}),
        ("gpio=4=op", {}),
        ("# gpio=4=op,dl", {}),
        ("gpio=four=op,dl\ngpio=4", {}),
    ],
)
def test_lines_are_parsed_as_the_firmware_parses_them(text: str, levels: dict[int, bool]) -> None:
    assert driven_levels(text) == levels


@given(st.text() | st.from_regex(r"gpio=[0-9,=\-a-z]{0,20}", fullmatch=True))
def test_any_text_is_parsed_without_an_error(text: str) -> None:
    driven_levels(text)
