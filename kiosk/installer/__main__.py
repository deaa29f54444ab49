"""`install.sh`: install, upgrade, return, uninstall; the story from the first check to the ready lamp."""

import argparse
import fcntl
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from kiosk.installer import database, initial_config, readiness, release, upgrade
from kiosk.installer.bundle import content as bundles
from kiosk.installer.bundle.content import Bundle
from kiosk.installer.errors import InstallError, print_message
from kiosk.installer.layout import InstallLayout
from kiosk.installer.machine import device, system_files, system_packages
from kiosk.installer.machine.device import Systemctl
from kiosk.system import atomic_files

INSTALL_LOCK = "/run/entrance-kiosk-install.lock"
SWITCH_LOCK = "/run/entrance-kiosk-switch.lock"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0: what was asked for is so; 1: it is not, and the old version runs, if there was one."""
    asked = _parser().parse_args(arguments)
    os.umask(0o022)  # the daemon's user must be able to read what root installs
    layout = InstallLayout()
    try:
        device.require_root()
        device.require_persistent_root(layout, Path("/proc/mounts").read_text(encoding="utf-8"))
        if asked.command == "recover":  # must not wait for the lock of the install.sh that waits for us
            upgrade.recover_from_interruption(layout, Systemctl(), reason="interrupted", booting=asked.booting)
            return 0
        if asked.command == "switch":
            return _run_switch(asked.release, layout, asked.ready_timeout)
        with layout.at(INSTALL_LOCK).open("w") as lock:
            _acquire_lock(lock)
            with layout.at(SWITCH_LOCK).open("w") as other:
                _acquire_lock(other)  # whose terminal was closed goes on
            upgrade.recover_from_interruption(layout, Systemctl(), reason="interrupted")
            if asked.uninstall:
                return run_uninstall(layout, Systemctl(), purge=asked.purge)
            if asked.rollback:
                return roll_back(layout, asked.ready_timeout)
            return run_install(asked, layout)
    except InstallError as error:
        print_message(f"install.sh: {error.vi}", f"install.sh: {error.en}")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="install.sh", allow_abbrev=False, description="Install the entrance kiosk, or upgrade it."
    )
    parser.add_argument("--site", help="name of the place; asked for if it is not given")
    parser.add_argument("--gate", help="name of this gate; asked for if it is not given")
    parser.add_argument(
        "--credentials-dir",
        type=Path,
        metavar="FOLDER",
        help="keys, certificates and lists of this gate, from the centre",
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.add_argument(
        "--board", choices=["auto", "pi", "other"], default="auto", help="whether the firmware files are changed"
    )
    parser.add_argument("--no-start", action="store_true", help="start nothing now, only at power-on")
    parser.add_argument("--rollback", action="store_true", help="go back to the previous version")
    parser.add_argument("--uninstall", action="store_true", help="remove the program; events and configuration stay")
    parser.add_argument(
        "--purge", action="store_true", help="with --uninstall: remove events, configuration and keys too"
    )
    parser.add_argument("--ready-timeout", type=float, metavar="S", default=readiness.READY_TIMEOUT_S,
                        help="seconds to wait for the new version before the rollback [%(default)g]")  # fmt: skip
    commands = parser.add_subparsers(dest="command", metavar="")
    switch = commands.add_parser("switch", allow_abbrev=False)
    switch.add_argument("release")
    recover = commands.add_parser("recover", allow_abbrev=False)
    recover.add_argument("--booting", action="store_true")
    return parser


def _run_switch(name: str, layout: InstallLayout, within_s: float) -> int:
    systemd = Systemctl()

    def wait(known: frozenset[str]) -> readiness.Readiness:
        return readiness.wait_until_ready(layout, systemd, known, timeout_s=within_s)

    with layout.at(SWITCH_LOCK).open("w") as lock:
        _acquire_lock(lock)
        done = upgrade.switch_release(name, layout, systemd, wait)
    return 0 if done else 1


def _acquire_lock(lock: TextIO) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InstallError("Một lần cài đặt khác đang chạy.", "Another install.sh is at work here.") from None


def run_install(asked: argparse.Namespace, layout: InstallLayout) -> int:
    """Install, or upgrade, or find that everything is as it should be."""
    machine = device.detect_machine(layout, asked.board)
    systemd = Systemctl()
    bundle = bundles.read_bundle(Path(os.environ["BUNDLE"]))
    old = release.linked_release_name(layout.current_link)
    if old != bundle.release_name:
        bundles.verify_bundle(bundle)
        _require_way_back(bundle, old, layout)
    system_packages.install_packages(machine.suite, machine.debian_architecture, bundle.folder / "debs")
    initial_config.install_keys(layout, asked.credentials_dir)
    initial_config.write_config(
        layout,
        bundle.folder / "kiosk.example.toml",
        {"site": asked.site, "gate": asked.gate},
        _refuse_prompt if asked.yes else initial_config.prompt_on_terminal,
    )
    folder = release.build_release(bundle, layout, machine)
    if old in (None, bundle.release_name):
        done = True
        upgrade.activate_release(bundle.release_name, layout, systemd)
        initial_config.set_group_access(layout)
        usable = is_config_valid(folder, layout)
        idle = systemd.is_running and not systemd.main_pid(readiness.DAEMON_UNIT)
        if usable and idle and not asked.no_start:
            _first_start(layout, systemd, asked.ready_timeout)
    else:
        usable = is_config_valid(folder, layout)
        done = run_upgrade(
            asked, bundle, release.read_manifest(layout.releases_dir / old), folder, layout, usable=usable
        )
    if machine.raspberry_pi and done and system_files.install_firmware_config(folder / "system", layout):
        print_message(
            "Hãy khởi động lại máy để cấu hình phần cứng có hiệu lực: sudo reboot",
            "The firmware's settings changed: sudo reboot",
        )
    if done:
        release.prune_releases(layout)
        _print_version(bundle.version, usable=usable)
    return 0 if done else 1


def _require_way_back(bundle: Bundle, old: str | None, layout: InstallLayout) -> None:
    if old is not None:
        database.require_rollback_possible(bundle, release.read_manifest(layout.releases_dir / old))


def _refuse_prompt(name: str) -> str:
    raise InstallError(f"Chưa biết {name}. Hãy thêm --{name} TÊN.", f"The {name} is not known: add --{name} NAME.")


def is_config_valid(folder: Path, layout: InstallLayout) -> bool:
    """Whether a release can work with this device's configuration."""
    command: list[str | Path] = [folder / "venv/bin/kiosk", "check-config", layout.config_file]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _first_start(layout: InstallLayout, systemd: Systemctl, within_s: float) -> None:
    """The first start. A device whose camera is not plugged in yet is installed all the same."""
    print_message("Khởi động ...", "Starting ...")
    systemd.start(upgrade.units_to_start(layout))
    found = readiness.wait_until_ready(layout, systemd, timeout_s=within_s)
    if found.is_ready:
        print_message(
            f"Sẵn sàng ({found.state}) sau {found.seconds:.1f} giây.",
            f"Ready ({found.state}) after {found.seconds:.1f} s.",
        )
    else:
        print_message(
            f"Đã cài, nhưng chưa sẵn sàng ({found.state}). Hãy gõ: sudo kiosk doctor",
            f"Installed, but not ready ({found.state}). Type:  sudo kiosk doctor",
        )


def run_upgrade(
    asked: argparse.Namespace, bundle: Bundle, old: Bundle, folder: Path, layout: InstallLayout, *, usable: bool
) -> bool:
    """Let the new version run; False where the old one runs again."""
    systemd = Systemctl()
    if not usable and is_config_valid(layout.releases_dir / old.release_name, layout):
        raise InstallError(
            f"Phiên bản {bundle.version} không dùng được cấu hình này. Chưa có gì bị thay đổi. "
            f"Xem: {folder}/venv/bin/kiosk check-config",
            f"Version {bundle.version} cannot use this configuration. Nothing was changed. "
            f"See:  {folder}/venv/bin/kiosk check-config",
        )
    if not usable or not systemd.is_running:  # nobody can see whether it would become ready; a cut is met all the same
        return upgrade.switch_release(bundle.release_name, layout, systemd, lambda _: readiness.NOT_MONITORED)
    database.back_up_database(database.database_path(layout), bundle, old)
    print_message(f"Nâng cấp từ {old.version} lên {bundle.version} ...", f"From {old.version} to {bundle.version} ...")
    return _switch_in_own_unit(bundle.release_name, folder, layout, asked.ready_timeout)


def _switch_in_own_unit(name: str, folder: Path, layout: InstallLayout, within_s: float) -> bool:
    before = atomic_files.read_json(layout.last_upgrade_file)
    status = device.run_in_own_unit(["--ready-timeout", str(within_s), "switch", name], folder)
    with layout.at(SWITCH_LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # systemd-run ends early where it loses sight of the unit
    told = atomic_files.read_json(layout.last_upgrade_file)
    reason = told["reason"] if told and told != before else f"exit status {status}"
    if upgrade.is_committed(name, layout):
        print_message(f"Đã xong: {reason}.", f"Done: {reason}.")
        return True
    runs = release.linked_release_name(layout.current_link)
    print_message(
        f"Không thành công ({reason}). Phiên bản {runs} đang chạy như trước; không mất lượt qua nào. "
        "Xem: journalctl -u entrance-kiosk-upgrade",
        f"It did not work ({reason}). Release {runs} runs as before, and no passage was lost. "
        "See:  journalctl -u entrance-kiosk-upgrade",
    )
    return False


def roll_back(layout: InstallLayout, within_s: float) -> int:
    """To the version before this one, by the same careful way."""
    previous = release.linked_release_name(layout.previous_link)
    if previous is None:
        raise InstallError("Không có phiên bản trước.", "There is no version before this one.")
    return 0 if _switch_in_own_unit(previous, layout.releases_dir / previous, layout, within_s) else 1


def run_uninstall(layout: InstallLayout, systemd: Systemctl, *, purge: bool) -> int:
    """Take everything away that install put here; records, configuration and keys only with `purge`."""
    units = system_files.installed_units(layout)
    systemd.stop(units)
    systemd.disable(units)
    system_files.remove_files(layout)
    atomic_files.remove_file(layout.command_link)
    atomic_files.remove_tree(layout.program_dir)
    if systemd.is_running:
        subprocess.run(["systemctl", "daemon-reload"], check=False)
    if purge:
        for folder in ("/var/lib/entrance-kiosk-web", "/var/lib/private/entrance-kiosk-web"):
            path = layout.at(folder)
            path.unlink() if path.is_symlink() else atomic_files.remove_tree(path)
        atomic_files.remove_tree(layout.data_dir)
        atomic_files.remove_tree(layout.config_dir)
        subprocess.run(["userdel", "entrance-kiosk"], check=False, capture_output=True)
    kept = "" if purge else f" ({layout.data_dir}, {layout.config_dir})"
    print_message(f"Đã gỡ. {'Dữ liệu và cấu hình vẫn còn' + kept if kept else 'Không còn gì'}.",
        f"Taken away. {'Records and configuration are still here' + kept if kept else 'Nothing is left'}.")  # fmt: skip
    return 0


def _print_version(version: str, *, usable: bool) -> None:
    print_message(f"Đã cài phiên bản {version}.", f"Version {version} is installed.")
    if not usable:
        print_message(
            "Còn thiếu trước khi chạy được; hãy gõ: sudo kiosk check-config  rồi: sudo systemctl start kiosk kiosk-web",
            "Something is missing before it can run. Type:  sudo kiosk check-config   then:  sudo systemctl start kiosk kiosk-web",
        )


if __name__ == "__main__":
    # It names the installer's part of the package. A release's own programs, started from here, have the whole package.
    os.environ.pop("PYTHONPATH", None)
    sys.exit(main())
