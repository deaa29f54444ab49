"""What install.sh does: install, upgrade, roll back, uninstall."""

import argparse
import os
import subprocess
from pathlib import Path

from kiosk.installer import database, initial_config, readiness, release, upgrade
from kiosk.installer.bundle import content as bundles
from kiosk.installer.bundle.content import Bundle
from kiosk.installer.errors import InstallError, print_line, print_message, state_label, terminal_translator
from kiosk.installer.layout import InstallLayout
from kiosk.installer.locks import SWITCH_LOCK, hold_lock
from kiosk.installer.machine import device, system_files, system_packages
from kiosk.installer.machine.device import Systemctl
from kiosk.system import atomic_files


def run_install(options: argparse.Namespace, layout: InstallLayout) -> int:
    """Install or upgrade. A second run with the same bundle changes nothing. Returns the exit status. Raises InstallError."""
    machine = device.detect_machine(layout, options.board)
    systemd = Systemctl()
    bundle = bundles.read_bundle(Path(os.environ["BUNDLE"]))
    old = release.linked_release_name(layout.current_link)
    if old != bundle.release_name:
        bundles.verify_bundle(bundle)
        _require_rollback_possible(bundle, old, layout)
    system_packages.install_packages(machine.suite, machine.debian_architecture, bundle.folder / "debs")
    initial_config.install_keys(layout, options.credentials_dir)
    is_config_new = initial_config.write_config(
        layout,
        bundle.folder / "kiosk.example.toml",
        {"site": options.site, "gate": options.gate},
        _refuse_prompt if options.yes else initial_config.prompt_on_terminal,
    )
    folder = release.build_release(bundle, layout, machine)
    if old in (None, bundle.release_name):
        done = True
        upgrade.activate_release(bundle.release_name, layout, systemd)
        initial_config.set_group_access(layout)
        usable = is_config_valid(folder, layout)
        idle = systemd.is_running and not systemd.main_pid(readiness.DAEMON_UNIT)
        if usable and idle and not options.no_start:
            _first_start(layout, systemd, options.ready_timeout)
    else:
        usable = is_config_valid(folder, layout)
        done = run_upgrade(
            options, bundle, release.read_manifest(layout.releases_dir / old), folder, layout, usable=usable
        )
    if machine.raspberry_pi and done:
        changed = system_files.install_firmware_config(folder / "system", layout, is_config_new=is_config_new)
        if changed:
            print_message("firmware-changed")
    if done:
        release.prune_releases(layout)
        _print_version(bundle.version, usable=usable)
    return 0 if done else 1


def _require_rollback_possible(bundle: Bundle, old: str | None, layout: InstallLayout) -> None:
    if old is not None:
        database.require_rollback_possible(bundle, release.read_manifest(layout.releases_dir / old))


def _refuse_prompt(name: str) -> str:
    raise InstallError("name-missing", name=name)


def is_config_valid(folder: Path, layout: InstallLayout) -> bool:
    """Whether a release can start with the configuration of this device. A wrong optional file does not prevent an upgrade."""
    command: list[str | Path] = [folder / "venv/bin/kiosk", "check-config", "--startup", layout.config_file]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _first_start(layout: InstallLayout, systemd: Systemctl, timeout_s: float) -> None:
    """Start the units for the first time. A device that is not ready, for example without a camera, stays installed."""
    print_message("starting")
    systemd.start(upgrade.units_to_start(layout))
    result = readiness.wait_until_ready(layout, systemd, timeout_s=timeout_s)
    if result.is_ready:
        print_message("ready", state=state_label(result.state), seconds=f"{result.seconds:.1f}")
    else:
        print_message("not-ready", state=state_label(result.state))


def run_upgrade(
    options: argparse.Namespace, bundle: Bundle, old: Bundle, folder: Path, layout: InstallLayout, *, usable: bool
) -> bool:
    """Switch to the new version. False if the old one runs again. Raises InstallError before anything has changed."""
    systemd = Systemctl()
    if not usable and is_config_valid(layout.releases_dir / old.release_name, layout):
        raise InstallError("configuration-not-usable", version=bundle.version, folder=folder)
    if not usable or not systemd.is_running:  # readiness cannot be observed
        return upgrade.switch_release(bundle.release_name, layout, systemd, lambda _: readiness.NOT_MONITORED)
    database.back_up_database(database.database_path(layout), bundle, old)
    print_message("upgrading", old=old.version, new=bundle.version)
    return _switch_in_own_unit(bundle.release_name, folder, layout, options.ready_timeout)


def _switch_in_own_unit(name: str, folder: Path, layout: InstallLayout, timeout_s: float) -> bool:
    before = atomic_files.read_json(layout.last_upgrade_file)
    status = device.run_in_own_unit(["--ready-timeout", str(timeout_s), "switch", name], folder)
    with hold_lock(layout.at(SWITCH_LOCK), wait=True):
        pass  # systemd-run can return before the unit has ended
    outcome = atomic_files.read_json(layout.last_upgrade_file)
    reason = outcome["reason"] if outcome and outcome != before else f"exit status {status}"
    if upgrade.is_committed(name, layout):
        print_message("done", reason=reason)
        return True
    runs = release.linked_release_name(layout.current_link)
    print_message("upgrade-failed", reason=reason, release=runs)
    return False


def roll_back(layout: InstallLayout, timeout_s: float) -> int:
    """Switch to the previous version in the same way as an upgrade. Returns the exit status."""
    previous = release.linked_release_name(layout.previous_link)
    if previous is None:
        raise InstallError("no-previous-version")
    return 0 if _switch_in_own_unit(previous, layout.releases_dir / previous, layout, timeout_s) else 1


def run_uninstall(layout: InstallLayout, systemd: Systemctl, *, purge: bool) -> int:
    """Remove what run_install installed. Events, configuration and keys are removed only with `purge`."""
    # The catalogues are removed with the program.
    data, config = layout.data_dir, layout.config_dir
    translate = terminal_translator()
    done = translate("installer.purged") if purge else translate("installer.uninstalled", data=data, config=config)
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
    print_line(done)
    return 0


def _print_version(version: str, *, usable: bool) -> None:
    print_message("version-installed", version=version)
    if not usable:
        print_message("configuration-incomplete")
