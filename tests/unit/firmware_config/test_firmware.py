"""Configuration of firmware and system: known keys, known values, and a reason for each line."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs._generate.pages.wiring import BRANCHES
from kiosk import config
from tests.paths import PROJECT

FOLDER = PROJECT / "firmware_config"
PINS = config.GpioSettings()

# [config] keys with a single value -> pattern of the value.
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
# Patterns of values: kernel parameters, settings of NetworkManager by section, directives of chrony.
WORDS = {
    "panic": r"\d+",
    "video": r"HDMI-A-[12]:d",
    "pinctrl_bcm2835.persist_gpio_outputs": r"[yn]",
}
NETWORK_MANAGER = {
    "main": {"autoconnect-retries-default": r"\d+"},
    "connection": {"wifi.powersave": r"[0-3]"},
    "connectivity": {"enabled": r"true|false"},
}
CHRONY = {
    "makestep": r"\d+(\.\d+)? \d+",
    "rtcsync": r"",
    "driftfile": r"(/[\w.-]+)+",
    "pool": r"[\w.-]+( iburst)?( maxsources \d+)?",
}
GPIO = re.compile(
    r"(?P<pins>\d+(-\d+)?(,\d+(-\d+)?)*)=(?P<words>(ip|op|a[0-5]|dh|dl|pu|pd|pn|np)(,(dh|dl|pu|pd|pn|np))?)"
)


def mistakes(text: str) -> Iterator[str]:
    """Errors in a config.txt, line by line."""
    has_reason = False
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > 98:
            yield f"{number}: longer than 98 characters: the firmware ignores the rest [config]"
        if not line.strip():
            has_reason = False
        elif line.startswith("#"):
            has_reason = True
        elif line.startswith("["):
            if not SECTIONS.fullmatch(line.strip("[]")):
                yield f"{number}: no such section: {line}"
        else:
            if not has_reason:
                yield f"{number}: no reason above it: {line}"
            yield from (f"{number}: {error}" for error in mistake_in(line))


def mistake_in(line: str) -> Iterator[str]:
    """Errors in one setting."""
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


def mistakes_in_words(text: str) -> Iterator[str]:
    """Errors in a fragment of cmdline.txt."""
    for line in reasoned(text):
        word, sign, value = line.partition("=")
        if not sign or word not in WORDS or not re.fullmatch(WORDS[word], value):
            yield f"no such word, or not such a value: {line}"


def mistakes_in_sections(text: str) -> Iterator[str]:
    """Errors in a drop-in of NetworkManager."""
    known: dict[str, str] = {}
    for line in reasoned(text):
        name, sign, value = line.partition("=")
        if line.startswith("["):
            known = NETWORK_MANAGER.get(line.strip("[]"), {})
            if not known:
                yield f"no such section: {line}"
        elif not sign or name not in known or not re.fullmatch(known[name], value):
            yield f"no such setting here, or not such a value: {line}"


def mistakes_in_directives(text: str) -> Iterator[str]:
    """Errors in a drop-in of chrony."""
    for line in reasoned(text):
        name, _, value = line.partition(" ")
        if name not in CHRONY or not re.fullmatch(CHRONY[name], value):
            yield f"no such directive, or not such a value: {line}"


def reasoned(text: str) -> Iterator[str]:
    """The settings. One without a comment above it in its block gives `no reason: ...`, which is not a valid setting."""
    has_reason = False
    for line in text.splitlines():
        has_reason = line.startswith("#") or (has_reason and bool(line.strip()))
        if line.strip() and not line.startswith("#"):
            yield line if has_reason or line.startswith("[") else f"no reason: {line}"


def settings() -> list[str]:
    lines = (FOLDER / "boot/config.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and line[0] not in "#["]


def driven() -> dict[int, str]:
    """Pin -> attributes of its gpio line."""
    found: dict[int, str] = {}
    for line in settings():
        match = GPIO.fullmatch(line.removeprefix("gpio="))
        if line.startswith("gpio=") and match:
            found |= dict.fromkeys(map(int, match["pins"].split(",")), match["words"])
    return found


def words() -> list[str]:
    lines = (FOLDER / "boot/cmdline.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_config_txt_has_known_keys_known_values_and_reasons() -> None:
    assert list(mistakes((FOLDER / "boot/config.txt").read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "line",
    [
        "camera_autodetect=1", "dtparam=watchdog", "dtoverlay=disable-bluetooth", "gpio=17=op,d1", "gpio=17,=op", "start_x=1",
        "dtoverlay=disable-bt,now=1", "boot_delay=soon", "disable_splash", "camera_auto_detect=yes", "dtparam=audio=loud",
        "dtparam=strict_gpio", "gpio=17=op,dl,xx",
    ],
)  # fmt: skip
def test_the_linter_finds_misspelt_settings(line: str) -> None:
    assert list(mistakes(f"[all]\n# a reason\n{line}\n"))
    assert list(mistakes(f"[al]\n# a reason\n{settings()[0]}\n"))
    assert list(mistakes(f"[all]\n\n{settings()[0]}\n")) == [f"3: no reason above it: {settings()[0]}"]


@given(st.text())
def test_the_linter_never_raises(text: str) -> None:
    list(mistakes(text))


def test_kernel_parameters_and_both_drop_ins_have_known_keys_known_values_and_reasons() -> None:
    assert list(mistakes_in_words((FOLDER / "boot/cmdline.txt").read_text(encoding="utf-8"))) == []
    network = FOLDER / "network"
    assert (
        list(mistakes_in_sections((network / "NetworkManager-entrance-kiosk.conf").read_text(encoding="utf-8"))) == []
    )
    assert list(mistakes_in_directives((network / "chrony-entrance-kiosk.conf").read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("linter", "text"),
    [
        (mistakes_in_words, "# why\npinctrl_bcm2835.persist_gpio_output=n"),
        (mistakes_in_words, "# why\npanic=soon"),
        (mistakes_in_words, "panic=10"),
        (mistakes_in_sections, "[connection]\n# why\nconnection.autoconnect-retries=0"),  # a setting of profiles, ignored here
        (mistakes_in_sections, "[conection]\n# why\nwifi.powersave=2"),
        (mistakes_in_sections, "[connection]\n# why\nwifi.powersave=off"),
        (mistakes_in_sections, "[connectivity]\nenabled=false"),
        (mistakes_in_directives, "# why\nmakesteps 1.0 3"),
        (mistakes_in_directives, "# why\nmakestep 1.0 three"),
        (mistakes_in_directives, "# why\nrtcsync yes"),
        (mistakes_in_directives, "rtcsync"),
    ],
)  # fmt: skip
def test_the_linters_find_misspelt_and_misplaced_settings_and_missing_reasons(
    linter: Callable[[str], Iterator[str]], text: str
) -> None:
    assert list(linter(text))


def test_chrony_reports_synchronisation_to_the_kernel() -> None:
    """kiosk/system/clock.py asks the kernel. chrony clears its flag STA_UNSYNC only with rtcsync (sys_timex.c of chrony)."""
    assert "rtcsync" in (FOLDER / "network/chrony-entrance-kiosk.conf").read_text(encoding="utf-8").splitlines()


def test_each_pin_of_the_schematic_is_configured_before_linux_runs() -> None:
    assert driven() == {branch.pin: "op,dl" if branch.output else "ip,pu" for branch in BRANCHES}


def test_each_output_of_the_default_configuration_is_low_before_linux_runs() -> None:
    low = {pin for pin, attributes in driven().items() if attributes == "op,dl"}
    outputs = {PINS.green, PINS.red, PINS.amber, PINS.buzzer}
    assert outputs <= low
    assert low - outputs == {23}, "the pin of the relay in docs/reference/hardware.md"


def test_each_output_pin_has_a_pull_down_at_power_on() -> None:
    """BCM2835 ARM Peripherals, table 6-31: GPIO 9 to 27 have pull-downs, 0 to 8 pull-ups."""
    assert all(9 <= pin <= 27 for pin, attributes in driven().items() if attributes.startswith("op"))


def test_no_pin_is_set_twice() -> None:
    pins = [pin for line in settings() if line.startswith("gpio=") for pin in line.split("=")[1].split(",")]
    assert len(pins) == len(set(pins))


def test_both_settings_release_the_outputs_of_a_dead_program() -> None:
    assert "dtparam=strict_gpiod" in settings()
    assert "pinctrl_bcm2835.persist_gpio_outputs=n" in words()


def test_udev_gives_pins_and_camera_only_to_the_groups_of_the_unit() -> None:
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
def test_the_overlay_of_the_relay_compiles_without_a_warning_and_applies(tmp_path: Path) -> None:
    overlay, board, merged = (tmp_path / name for name in ("kiosk-relay.dtbo", "board.dtb", "merged.dtb"))
    made = subprocess.run(
        [
            "dtc",
            "-@",
            "-Wno-gpios_property",
            "-I",
            "dts",
            "-O",
            "dtb",
            "-o",
            overlay,
            FOLDER / "overlays/kiosk-relay.dts",
        ],
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


def test_the_data_partition_holds_the_database_and_becomes_read_only_on_errors() -> None:
    lines = (FOLDER / "read-only-root/fstab").read_text(encoding="utf-8").splitlines()
    fields = [line.split() for line in lines if line and not line.startswith("#")]
    assert all(len(field) == 6 for field in fields)
    (records,) = [field for field in fields if field[0] == "LABEL=kiosk-data"]
    assert config.StorageSettings().path.is_relative_to(records[1])
    assert {"noatime", "errors=remount-ro", "nofail"} <= set(records[3].split(","))


def test_the_read_only_root_leaves_the_data_partition_writable() -> None:
    text = (FOLDER / "read-only-root/overlayroot.conf").read_text(encoding="utf-8")
    (setting,) = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert setting == 'overlayroot="tmpfs:recurse=0"'


@pytest.mark.parametrize(
    "path", [path for path in sorted(FOLDER.rglob("*")) if path.is_file()], ids=lambda path: path.name
)
def test_each_file_names_its_target_path_and_its_sources(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "Source" in text
    assert re.search(r"/(boot|etc|usr/lib|usr/share)/", text)


def test_networkmanager_lets_the_user_of_the_daemon_join_a_network_and_nothing_else() -> None:
    """Tried with polkit 122 of Debian 12: both actions are allowed, others and other users are not."""
    text = (FOLDER / "network/polkit-entrance-kiosk.rules").read_text(encoding="utf-8")
    unit = (PROJECT / "systemd/kiosk.service").read_text(encoding="utf-8")
    (user,) = re.findall(r"^User=(.+)$", unit, re.MULTILINE)
    assert re.findall(r'subject\.user == "([^"]+)"', text) == [user]
    assert re.findall(r'action\.id == "org\.freedesktop\.NetworkManager\.([^"]+)"', text) == [
        "settings.modify.system",
        "network-control",
    ]
    assert text.count("polkit.Result.YES") == 1
    listed = (PROJECT / "debian_packages/entrance-kiosk/install").read_text(encoding="utf-8")
    assert re.search(r"polkit-entrance-kiosk\.rules +usr/share/polkit-1/rules\.d/", listed)
