"""Installs the files of a release outside of /opt: units, users, folders, udev rules. Removes those it no longer has."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from kiosk.installer.errors import print_message
from kiosk.installer.layout import InstallLayout
from kiosk.installer.machine import boot_pins, firmware
from kiosk.system import atomic_files

UNIT_PATTERNS = ("*.service", "*.timer", "*.path", "*.socket", "*.mount")
# File in system/ -> file on the device.
CONFIG_FILES = {
    "systemd/journald.conf.d/entrance-kiosk.conf": "/etc/systemd/journald.conf.d/entrance-kiosk.conf",
    "systemd/system.conf.d/entrance-kiosk.conf": "/etc/systemd/system.conf.d/entrance-kiosk.conf",
    "systemd/entrance-kiosk.sysusers": "/usr/lib/sysusers.d/entrance-kiosk.conf",
    "systemd/entrance-kiosk.tmpfiles": "/usr/lib/tmpfiles.d/entrance-kiosk.conf",
    # Against periodic writes to the SD card.
    "firmware_config/idle-writes/timesyncd.conf": "/etc/systemd/timesyncd.conf.d/entrance-kiosk.conf",
    **{
        f"firmware_config/idle-writes/{unit}.conf": f"/etc/systemd/system/{unit}.d/entrance-kiosk.conf"
        for unit in ("apt-daily.timer", "apt-daily-upgrade.timer", "man-db.timer")
    },
}
# Installed only if the folder of the software exists.
# Only where the software is installed, which its folder shows.
OPTIONAL_CONFIG_FILES = {
    "firmware_config/udev/70-entrance-kiosk.rules": "/etc/udev/rules.d/70-entrance-kiosk.rules",
    "firmware_config/network/NetworkManager-entrance-kiosk.conf": "/etc/NetworkManager/conf.d/entrance-kiosk.conf",
    "firmware_config/network/chrony-entrance-kiosk.conf": "/etc/chrony/conf.d/entrance-kiosk.conf",
}
FIRMWARE_FRAGMENT = "entrance-kiosk.txt"
"""Our part of config.txt, in the folder of the firmware."""
READ_ONLY_ROOT = "systemd/kiosk.service.d/read-only-root.conf"
UNIT_FOLDER = "/etc/systemd/system"


def files_of_release(system: Path, layout: InstallLayout) -> dict[str, bytes]:
    """Path on the device -> content, for the folder `system` of a release. An old release may lack some files."""
    found: dict[str, bytes] = {}
    for pattern in UNIT_PATTERNS:
        for unit in sorted((system / "systemd").glob(pattern)):
            found[f"{UNIT_FOLDER}/{unit.name}"] = unit.read_bytes()
    present = {
        path: target_path
        for path, target_path in OPTIONAL_CONFIG_FILES.items()
        if layout.at(target_path).parents[1].is_dir()
    }
    for source, target in (CONFIG_FILES | present).items():
        if (system / source).is_file():
            found[target] = (system / source).read_bytes()
    if is_read_only_root(layout):
        found[f"{UNIT_FOLDER}/kiosk.service.d/read-only-root.conf"] = (system / READ_ONLY_ROOT).read_bytes()
    return found


def is_read_only_root(layout: InstallLayout) -> bool:
    """True if overlayroot is configured: the root is an overlay in memory (firmware_config/read-only-root)."""
    conf = layout.at("/etc/overlayroot.conf")
    text = conf.read_text(encoding="utf-8") if conf.is_file() else ""
    values = [
        line.partition("=")[2].strip().strip('"') for line in text.splitlines() if line.startswith("overlayroot=")
    ]
    return bool(values and values[-1] not in ("", "disabled"))


def install_files(system: Path, layout: InstallLayout) -> None:
    """Install all files of a release and remove those that only another release had. Idempotent.

    The list of installed files is extended before the first file is written and shortened after the last one.
    So a power cut never leaves a file that is not in the list.
    """
    files = files_of_release(system, layout)
    before = _read_installed_list(layout).get("files", [])
    _update_installed_list(layout, files=[*before, *files])
    for path, content in files.items():
        atomic_files.update_file(layout.at(path), content)
    for path in before:
        if path not in files:
            for link in layout.at(UNIT_FOLDER).glob(f"*.wants/{Path(path).name}"):
                atomic_files.remove_file(link)
            atomic_files.remove_file(layout.at(path))
    names = {Path(path).name for path in files}
    _update_installed_list(
        layout, files=files, enabled=[name for name in _read_installed_list(layout).get("enabled", []) if name in names]
    )


def units_to_enable(layout: InstallLayout) -> list[str]:
    """Our units with an [Install] section that were never enabled. A unit disabled by the owner stays disabled."""
    enabled = _read_installed_list(layout).get("enabled", [])
    folder = layout.at(UNIT_FOLDER)
    return [
        name
        for name in installed_units(layout)
        if name not in enabled and b"\n[Install]" in (folder / name).read_bytes()
    ]


def record_enabled(names: Iterable[str], layout: InstallLayout) -> None:
    """Remember that these units were enabled once."""
    _update_installed_list(layout, enabled=[*_read_installed_list(layout).get("enabled", []), *names])


def _update_installed_list(layout: InstallLayout, **changed: Iterable[str]) -> None:
    atomic_files.write_json(
        layout.installed_files_list,
        {**_read_installed_list(layout), **{name: sorted(set(values)) for name, values in changed.items()}},
    )


def _read_installed_list(layout: InstallLayout) -> dict[str, list[str]]:
    return atomic_files.read_json(layout.installed_files_list) or {}


def installed_units(layout: InstallLayout) -> list[str]:
    """Names of our units on this device."""
    paths = [Path(path) for path in _read_installed_list(layout).get("files", [])]
    return [path.name for path in paths if str(path.parent) == UNIT_FOLDER]


def install_firmware_config(system: Path, layout: InstallLayout, *, is_config_new: bool = False) -> bool:
    """Install our part of config.txt and cmdline.txt. True if something changed: it needs a reboot.

    `is_config_new`: kiosk.toml was missing, and this run wrote the example. It says nothing about pins that were installed before.
    """
    source, installed = system / "firmware_config", _read_installed_list(layout)
    ours = (source / "boot/config.txt").read_text(encoding="utf-8")
    ours = _with_configured_pins(ours, layout, is_config_new=is_config_new)
    changed = [atomic_files.update_file(layout.boot_dir / FIRMWARE_FRAGMENT, ours.encode())]
    overlay = source / "overlays/kiosk-relay.dtbo"
    if overlay.exists() and (layout.boot_dir / "overlays").is_dir():
        changed.append(atomic_files.update_file(layout.boot_dir / "overlays/kiosk-relay.dtbo", overlay.read_bytes()))
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
        _update_installed_list(layout, cmdline=[*installed.get("cmdline", []), *added])
        changed.append(atomic_files.update_file(cmdline, firmware.with_words(line, added).encode()))
    return any(changed)


def _with_configured_pins(ours: str, layout: InstallLayout, *, is_config_new: bool) -> str:
    """Our config.txt with the pins of kiosk.toml. If these are not certain: with the gpio lines that are installed."""
    installed = layout.boot_dir / FIRMWARE_FRAGMENT
    if not installed.exists() and not layout.config_file.exists():
        return ours
    reason = "it was missing" if is_config_new and installed.exists() else ""
    try:
        gpio = boot_pins.gpio_settings(layout.config_file.read_bytes())
    except OSError as error:
        reason = error.strerror or str(error)
    except boot_pins.GpioUnreadableError as error:
        reason = str(error)
    if not reason:
        return boot_pins.replace_gpio_lines(ours, gpio)
    before = installed.read_text(encoding="utf-8", errors="replace") if installed.is_file() else ""
    print_message("gpio-lines-kept", file=layout.config_file, installed=installed, error=reason)
    return boot_pins.keep_gpio_lines(ours, before)


def _back_up_once(path: Path, text: str) -> None:
    """Keep a copy of the original file: FAT has no journal, so a power cut can damage the file."""
    copy = path.with_name(f"{path.name}.before-entrance-kiosk")
    if not copy.exists():
        atomic_files.update_file(copy, text.encode())


def remove_files(layout: InstallLayout) -> None:
    """Undo `install_files` and `install_firmware_config`."""
    installed = _read_installed_list(layout)
    for path in _in_removal_order(installed.get("files", [])):
        atomic_files.remove_file(layout.at(path))
    for name in (FIRMWARE_FRAGMENT, "overlays/kiosk-relay.dtbo"):
        atomic_files.remove_file(layout.boot_dir / name)
    config, cmdline = layout.boot_dir / "config.txt", layout.boot_dir / "cmdline.txt"
    if config.is_file():
        atomic_files.update_file(config, firmware.without_block(config.read_text(encoding="utf-8")).encode())
    if cmdline.is_file() and installed.get("cmdline"):
        atomic_files.update_file(
            cmdline, firmware.without_words(cmdline.read_text(encoding="utf-8"), installed["cmdline"]).encode()
        )
    for each in (config, cmdline):
        atomic_files.remove_file(each.with_name(f"{each.name}.before-entrance-kiosk"))
    drop_ins = {layout.at(path).parent for path in installed.get("files", []) if path.startswith(UNIT_FOLDER)}
    for folder in drop_ins - {layout.at(UNIT_FOLDER)}:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _in_removal_order(paths: list[str]) -> Iterator[str]:
    """Units first, so that no unit starts after its user was removed."""
    yield from sorted(paths, key=lambda path: not path.startswith(UNIT_FOLDER))
