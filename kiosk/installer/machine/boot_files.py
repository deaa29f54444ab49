"""Writes our part of a Raspberry Pi's config.txt and cmdline.txt, with the pins of kiosk.toml, and takes it away again."""

from collections.abc import Callable
from pathlib import Path

from kiosk.installer import gate_files
from kiosk.installer.errors import print_message
from kiosk.installer.layout import InstallLayout
from kiosk.installer.machine import boot_pins, firmware
from kiosk.installer.releases import release
from kiosk.system import atomic_files

FIRMWARE_FRAGMENT = "entrance-kiosk.txt"
"""Our part of config.txt, in the folder of the firmware."""
OVERLAY = "overlays/kiosk-relay.dtbo"


def is_raspberry_pi(layout: InstallLayout) -> bool:
    """True if the firmware of a Raspberry Pi reads this boot partition."""
    model = layout.at("/proc/device-tree/model")
    on_pi = model.exists() and model.read_bytes().startswith(b"Raspberry Pi")
    return on_pi and (layout.boot_dir / "config.txt").is_file()


def write_boot_files(layout: InstallLayout, accepts: Callable[[], bool]) -> bool:
    """Install our part of config.txt and cmdline.txt. True if something changed: it needs a reboot.

    `accepts`: whether the running release accepts the configuration. Without that the gpio lines stay as they are.
    """
    source = layout.appliance_dir
    ours = (source / "boot/config.txt").read_text(encoding="utf-8")
    changed = [
        atomic_files.update_file(
            layout.boot_dir / FIRMWARE_FRAGMENT, _with_configured_pins(ours, layout, accepts).encode()
        )
    ]
    overlay = source / "kiosk-relay.dtbo"
    if overlay.exists() and (layout.boot_dir / "overlays").is_dir():
        changed.append(atomic_files.update_file(layout.boot_dir / OVERLAY, overlay.read_bytes()))
    config = layout.boot_dir / "config.txt"
    text = config.read_text(encoding="utf-8")
    _back_up_once(config, text)
    changed.append(atomic_files.update_file(config, firmware.with_block(text).encode()))
    cmdline = layout.boot_dir / "cmdline.txt"
    line = cmdline.read_text(encoding="utf-8")
    added = firmware.missing_words(
        line, firmware.cmdline_words((source / "boot/cmdline.txt").read_text(encoding="utf-8"))
    )
    if added:
        _back_up_once(cmdline, line)
        release.update_history(layout, cmdline=[*release.read_history(layout).get("cmdline", []), *added])
        changed.append(atomic_files.update_file(cmdline, firmware.with_words(line, added).encode()))
    return any(changed)


def _with_configured_pins(ours: str, layout: InstallLayout, accepts: Callable[[], bool]) -> str:
    """Our config.txt with the pins of kiosk.toml. If these are not certain: with the gpio lines that are installed."""
    installed = layout.boot_dir / FIRMWARE_FRAGMENT
    if not installed.exists() and not layout.config_file.exists():
        return ours
    reason, gpio = "", {}
    try:
        gpio = boot_pins.gpio_settings(layout.config_file.read_bytes())
    except OSError as error:
        reason = error.strerror or str(error)
    except boot_pins.GpioUnreadableError as error:
        reason = str(error)
    if not reason and not accepts():
        reason = "kiosk check-config --startup"
    if not reason and installed.exists() and gate_files.is_untouched_example(layout):
        reason = "it is the example"  # a lost configuration, which says nothing about the pins of this board
    if not reason:
        return boot_pins.replace_gpio_lines(ours, gpio)
    before = installed.read_text(encoding="utf-8", errors="replace") if installed.is_file() else ""
    kept = boot_pins.keep_gpio_lines(ours, before)
    if reason != "it is the example" or kept != boot_pins.replace_gpio_lines(ours, gpio):
        print_message("gpio-lines-kept", file=layout.config_file, installed=installed, error=reason)
    return kept


def _back_up_once(path: Path, text: str) -> None:
    """Keep a copy of the original file: FAT has no journal, so a power cut can damage the file."""
    copy = path.with_name(f"{path.name}.before-entrance-kiosk")
    if not copy.exists():
        atomic_files.update_file(copy, text.encode())


def remove_boot_files(layout: InstallLayout) -> None:
    """Undo `write_boot_files`."""
    for name in (FIRMWARE_FRAGMENT, OVERLAY):
        atomic_files.remove_file(layout.boot_dir / name)
    config, cmdline = layout.boot_dir / "config.txt", layout.boot_dir / "cmdline.txt"
    if config.is_file():
        atomic_files.update_file(config, firmware.without_block(config.read_text(encoding="utf-8")).encode())
    added = release.read_history(layout).get("cmdline", [])
    if cmdline.is_file() and added:
        line = firmware.without_words(cmdline.read_text(encoding="utf-8"), added)
        atomic_files.update_file(cmdline, line.encode())
        release.update_history(layout, cmdline=[])
    for each in (config, cmdline):
        atomic_files.remove_file(each.with_name(f"{each.name}.before-entrance-kiosk"))
