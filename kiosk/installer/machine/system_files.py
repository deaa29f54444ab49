"""What a release puts outside of /opt: units, folders, users, rules; taken away again by the release that lacks it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from kiosk.installer import atomic_files
from kiosk.installer.layout import Layout
from kiosk.installer.machine import boot_pins, firmware

UNITS = ("*.service", "*.timer", "*.path", "*.socket", "*.mount")
# Folder under system/ -> folder on the device; only where that software is there, its folder is.
CONFIGURATION = {
    "systemd/journald.conf.d/entrance-kiosk.conf": "/etc/systemd/journald.conf.d/entrance-kiosk.conf",
    "systemd/system.conf.d/entrance-kiosk.conf": "/etc/systemd/system.conf.d/entrance-kiosk.conf",
    "systemd/entrance-kiosk.sysusers": "/usr/lib/sysusers.d/entrance-kiosk.conf",
    "systemd/entrance-kiosk.tmpfiles": "/usr/lib/tmpfiles.d/entrance-kiosk.conf",
    # What would write to the card while nobody comes.
    "firmware_config/quiet/timesyncd.conf": "/etc/systemd/timesyncd.conf.d/entrance-kiosk.conf",
    **{
        f"firmware_config/quiet/{unit}.conf": f"/etc/systemd/system/{unit}.d/entrance-kiosk.conf"
        for unit in ("apt-daily.timer", "apt-daily-upgrade.timer", "man-db.timer")
    },
}
WHERE_PRESENT = {
    "firmware_config/udev/70-entrance-kiosk.rules": "/etc/udev/rules.d/70-entrance-kiosk.rules",
    "firmware_config/network/NetworkManager-entrance-kiosk.conf": "/etc/NetworkManager/conf.d/entrance-kiosk.conf",
    "firmware_config/network/chrony-entrance-kiosk.conf": "/etc/chrony/conf.d/entrance-kiosk.conf",
}
READ_ONLY_ROOT = "systemd/kiosk.service.d/read-only-root.conf"
UNIT_FOLDER = "/etc/systemd/system"


def wanted(system: Path, layout: Layout) -> dict[str, bytes]:
    """Path on the device -> content, for a release's folder `system`; one from before a file was thought of has none of it."""
    found: dict[str, bytes] = {}
    for pattern in UNITS:
        for unit in sorted((system / "systemd").glob(pattern)):
            found[f"{UNIT_FOLDER}/{unit.name}"] = unit.read_bytes()
    present = {path: to for path, to in WHERE_PRESENT.items() if layout.at(to).parents[1].is_dir()}
    for source, target in (CONFIGURATION | present).items():
        if (system / source).is_file():
            found[target] = (system / source).read_bytes()
    if is_read_only_root(layout):
        found[f"{UNIT_FOLDER}/kiosk.service.d/read-only-root.conf"] = (system / READ_ONLY_ROOT).read_bytes()
    return found


def is_read_only_root(layout: Layout) -> bool:
    """Whether the root is set up to be an overlay in memory (firmware_config/root)."""
    conf = layout.at("/etc/overlayroot.conf")
    text = conf.read_text(encoding="utf-8") if conf.is_file() else ""
    values = [
        line.partition("=")[2].strip().strip('"') for line in text.splitlines() if line.startswith("overlayroot=")
    ]
    return bool(values and values[-1] not in ("", "disabled"))


def place(system: Path, layout: Layout) -> None:
    """Put everything of a release there and take away what only another release had. Again and again does no harm.

    The note of what is ours is written before the first file and shortened after the last, so that none is forgotten.
    """
    files = wanted(system, layout)
    before = _noted(layout).get("files", [])
    _note(layout, files=[*before, *files])
    for path, content in files.items():
        atomic_files.write(layout.at(path), content)
    for path in before:
        if path not in files:
            for link in layout.at(UNIT_FOLDER).glob(f"*.wants/{Path(path).name}"):
                atomic_files.remove(link)
            atomic_files.remove(layout.at(path))
    names = {Path(path).name for path in files}
    _note(layout, files=files, enabled=[name for name in _noted(layout).get("enabled", []) if name in names])


def units_to_enable(layout: Layout) -> list[str]:
    """Our units that power-on should start and that were never enabled; one that its owner has disabled stays so."""
    once = _noted(layout).get("enabled", [])
    folder = layout.at(UNIT_FOLDER)
    return [
        name for name in units_placed(layout) if name not in once and b"\n[Install]" in (folder / name).read_bytes()
    ]


def note_enabled(names: Iterable[str], layout: Layout) -> None:
    """They were enabled: not again."""
    _note(layout, enabled=[*_noted(layout).get("enabled", []), *names])


def _note(layout: Layout, **changed: Iterable[str]) -> None:
    atomic_files.write_json(
        layout.placed, {**_noted(layout), **{name: sorted(set(values)) for name, values in changed.items()}}
    )


def _noted(layout: Layout) -> dict[str, list[str]]:
    return atomic_files.read_json(layout.placed) or {}


def units_placed(layout: Layout) -> list[str]:
    """Names of our units on this device."""
    paths = [Path(path) for path in _noted(layout).get("files", [])]
    return [path.name for path in paths if str(path.parent) == UNIT_FOLDER]


def place_firmware(system: Path, layout: Layout) -> bool:
    """Our part of config.txt and cmdline.txt; True where the board must be started anew to use it."""
    source, noted = system / "firmware_config", _noted(layout)
    ours = (source / "config.txt").read_text(encoding="utf-8")
    if layout.config.is_file():
        toml = layout.config.read_text(encoding="utf-8", errors="replace")
        ours = boot_pins.with_pins(ours, boot_pins.signal_of(toml))
    changed = [atomic_files.write(layout.boot / "entrance-kiosk.txt", ours.encode())]
    overlay = source / "kiosk-relay.dtbo"
    if overlay.exists() and (layout.boot / "overlays").is_dir():
        changed.append(atomic_files.write(layout.boot / "overlays/kiosk-relay.dtbo", overlay.read_bytes()))
    config = layout.boot / "config.txt"
    text = config.read_text(encoding="utf-8")
    _keep_once(config, text)
    changed.append(atomic_files.write(config, firmware.with_block(text).encode()))
    cmdline = layout.boot / "cmdline.txt"
    line = cmdline.read_text(encoding="utf-8")
    added = firmware.added_words(line, firmware.words_of((source / "cmdline.txt").read_text(encoding="utf-8")))
    if added:
        _keep_once(cmdline, line)
        _note(layout, cmdline=[*noted.get("cmdline", []), *added])
        changed.append(atomic_files.write(cmdline, firmware.with_words(line, added).encode()))
    return any(changed)


def _keep_once(path: Path, text: str) -> None:
    """FAT has no journal: what the board started with before us stays beside it."""
    copy = path.with_name(f"{path.name}.before-entrance-kiosk")
    if not copy.exists():
        atomic_files.write(copy, text.encode())


def take_away(layout: Layout) -> None:
    """Undo `place` and `place_firmware`."""
    noted = _noted(layout)
    for path in _removed_first(noted.get("files", [])):
        atomic_files.remove(layout.at(path))
    for name in ("entrance-kiosk.txt", "overlays/kiosk-relay.dtbo"):
        atomic_files.remove(layout.boot / name)
    config, cmdline = layout.boot / "config.txt", layout.boot / "cmdline.txt"
    if config.is_file():
        atomic_files.write(config, firmware.without_block(config.read_text(encoding="utf-8")).encode())
    if cmdline.is_file() and noted.get("cmdline"):
        atomic_files.write(
            cmdline, firmware.without_words(cmdline.read_text(encoding="utf-8"), noted["cmdline"]).encode()
        )
    for each in (config, cmdline):
        atomic_files.remove(each.with_name(f"{each.name}.before-entrance-kiosk"))
    drop_ins = {layout.at(path).parent for path in noted.get("files", []) if path.startswith(UNIT_FOLDER)}
    for folder in drop_ins - {layout.at(UNIT_FOLDER)}:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _removed_first(paths: list[str]) -> Iterator[str]:
    """Units before the rest: nothing is started any more while its user goes."""
    yield from sorted(paths, key=lambda path: not path.startswith(UNIT_FOLDER))
