"""What the board's firmware and the system around us are told: known keys, known values, and a reason for every line."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk import config

FOLDER = Path(__file__).parents[1] / "firmware_config"
PINS = config.Signal()

# [config] keys with a single value, and what the value may be.
KEYS = {
    "camera_auto_detect": r"[01]",
    "disable_splash": r"[01]",
    "boot_delay": r"\d+",
    "include": r"[\w.-]+",
}
# [overlays] parameters of the base device tree, and overlays with their parameters.
DTPARAMS = {"watchdog": r"on|off", "audio": r"on|off", "strict_gpiod": r"|on|off"}
OVERLAYS: dict[str, set[str]] = {"disable-bt": set(), "kiosk-relay": {"gpio", "active_low"}}
SECTIONS = re.compile(r"all|none|pi[0-9]\w*|cm[0-9]\w*|board-type=0x[0-9a-f]+|gpio\d+=[01]")
GPIO = re.compile(
    r"(?P<pins>\d+(-\d+)?(,\d+(-\d+)?)*)=(?P<words>(ip|op|a[0-5]|dh|dl|pu|pd|pn|np)(,(dh|dl|pu|pd|pn|np))?)"
)


def mistakes(text: str) -> Iterator[str]:
    """What is wrong with a config.txt, line by line."""
    reasoned = False
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > 98:
            yield f"{number}: longer than 98 characters: the firmware ignores the rest [config]"
        if not line.strip():
            reasoned = False
        elif line.startswith("#"):
            reasoned = True
        elif line.startswith("["):
            if not SECTIONS.fullmatch(line.strip("[]")):
                yield f"{number}: no such section: {line}"
        else:
            if not reasoned:
                yield f"{number}: no reason above it: {line}"
            yield from (f"{number}: {wrong}" for wrong in mistake_in(line))


def mistake_in(line: str) -> Iterator[str]:
    """What is wrong with one setting."""
    key, sign, value = line.partition("=")
    if not sign:
        yield f"not a setting: {line}"
    elif key == "gpio":
        if not GPIO.fullmatch(value):
            yield f"not a gpio setting: {value}"
    elif key == "dtparam":
        name, _, given_value = value.partition("=")
        if name not in DTPARAMS or not re.fullmatch(DTPARAMS[name], given_value):
            yield f"no such dtparam: {value}"
    elif key == "dtoverlay":
        name, *parameters = value.split(",")
        if name not in OVERLAYS or not {part.partition("=")[0] for part in parameters} <= OVERLAYS[name]:
            yield f"no such overlay or parameter: {value}"
    elif key not in KEYS or not re.fullmatch(KEYS[key], value):
        yield f"no such setting, or not such a value: {line}"


def settings() -> list[str]:
    lines = (FOLDER / "config.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and line[0] not in "#["]


def driven() -> dict[int, str]:
    """Pin -> words of its gpio line."""
    found: dict[int, str] = {}
    for line in settings():
        match = GPIO.fullmatch(line.removeprefix("gpio="))
        if line.startswith("gpio=") and match:
            found |= dict.fromkeys(map(int, match["pins"].split(",")), match["words"])
    return found


def words() -> list[str]:
    lines = (FOLDER / "cmdline.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_config_txt_has_known_keys_known_values_and_reasons() -> None:
    assert list(mistakes((FOLDER / "config.txt").read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "line",
    [
        "camera_autodetect=1", "dtparam=watchdog", "dtoverlay=disable-bluetooth", "gpio=17=op,d1", "gpio=17,=op", "start_x=1",
        "dtoverlay=disable-bt,now=1", "boot_delay=soon", "disable_splash",
    ],
)  # fmt: skip
def test_the_linter_finds_what_is_misspelt(line: str) -> None:
    assert list(mistakes(f"[all]\n# a reason\n{line}\n"))
    assert list(mistakes(f"[al]\n# a reason\n{settings()[0]}\n"))
    assert list(mistakes(f"[all]\n\n{settings()[0]}\n")) == [f"3: no reason above it: {settings()[0]}"]


@given(st.text())
def test_the_linter_never_raises(text: str) -> None:
    list(mistakes(text))


def test_every_output_of_the_default_configuration_is_low_before_linux_runs() -> None:
    low = {pin for pin, attributes in driven().items() if attributes == "op,dl"}
    outputs = {PINS.green, PINS.red, PINS.amber, PINS.buzzer}
    assert outputs <= low
    assert low - outputs == {23}, "the relay's pin in docs/wiring.md"


def test_every_output_has_a_pull_down_to_fall_back_to() -> None:
    """BCM2835 ARM Peripherals, table 6-31: GPIO 9 to 27 have pull-downs, 0 to 8 pull-ups."""
    assert all(9 <= pin <= 27 for pin, attributes in driven().items() if attributes.startswith("op"))


def test_no_pin_is_set_twice() -> None:
    pins = [pin for line in settings() if line.startswith("gpio=") for pin in line.split("=")[1].split(",")]
    assert len(pins) == len(set(pins))


def test_a_dead_programs_outputs_fall_back_twice_over() -> None:
    assert "dtparam=strict_gpiod" in settings()
    assert "pinctrl_bcm2835.persist_gpio_outputs=n" in words()


def test_the_kernels_words_are_words() -> None:
    assert all(re.fullmatch(r"[\w.-]+=[\w:.-]+", word) for word in words())
    assert len({word.partition("=")[0] for word in words() if not word.startswith("video=")}) == len(words()) - 2


def test_udev_gives_pins_and_camera_to_the_units_groups_and_to_nobody_else() -> None:
    text = (FOLDER / "udev/70-entrance-kiosk.rules").read_text(encoding="utf-8")
    rules = [line for line in text.splitlines() if line and not line.startswith("#")]
    key = re.compile(r'[A-Z]+(==|\+?=)"[^"]*"')
    for rule in rules:
        assert all(key.fullmatch(part.strip()) for part in re.split(r",\s*(?=[A-Z]+[=+])", rule)), rule
    assert not any('MODE="0666"' in rule for rule in rules)
    unit = (FOLDER.parent / "systemd/kiosk.service").read_text(encoding="utf-8")
    groups = set(re.findall(r'GROUP="(\w+)"', text))
    assert groups <= set(re.findall(r"^SupplementaryGroups=(.*)$", unit, re.MULTILINE)[0].split())


@pytest.mark.skipif(shutil.which("dtc") is None, reason="no dtc here (apt: device-tree-compiler)")
def test_the_relays_overlay_compiles_without_a_warning_and_applies(tmp_path: Path) -> None:
    overlay, board, merged = (tmp_path / name for name in ("kiosk-relay.dtbo", "board.dtb", "merged.dtb"))
    made = subprocess.run(
        ["dtc", "-@", "-Wno-gpios_property", "-I", "dts", "-O", "dtb", "-o", overlay, FOLDER / "kiosk-relay.dts"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert made.stderr.strip() == ""
    source = '/dts-v1/; / { compatible = "brcm,bcm2835"; gpio: gpio@0 { gpio-controller; #gpio-cells = <2>; }; };'
    subprocess.run(["dtc", "-q", "-@", "-I", "dts", "-O", "dtb", "-o", board, "-"], input=source, text=True, check=True)
    subprocess.run(["fdtoverlay", "-i", board, "-o", merged, overlay], check=True)
    trigger = subprocess.run(
        ["fdtget", merged, "/kiosk-leds/kiosk-relay", "linux,default-trigger"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert trigger.stdout.strip() == "oneshot"


def test_the_records_partition_is_where_the_daemon_keeps_them_and_fails_closed() -> None:
    lines = (FOLDER / "root/fstab").read_text(encoding="utf-8").splitlines()
    fields = [line.split() for line in lines if line and not line.startswith("#")]
    assert all(len(field) == 6 for field in fields)
    (records,) = [field for field in fields if field[0] == "LABEL=kiosk-data"]
    assert config.Records().path.is_relative_to(records[1])
    assert {"noatime", "errors=remount-ro", "nofail"} <= set(records[3].split(","))


def test_the_read_only_root_leaves_the_records_partition_writable() -> None:
    text = (FOLDER / "root/overlayroot.conf").read_text(encoding="utf-8")
    (setting,) = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert setting == 'overlayroot="tmpfs:recurse=0"'


@pytest.mark.parametrize(
    "path", [path for path in sorted(FOLDER.rglob("*")) if path.is_file()], ids=lambda path: path.name
)
def test_every_file_says_where_it_goes_and_where_its_facts_come_from(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "Source" in text
    assert re.search(r"/(boot|etc)/", text)
