"""What runs without a person: called by dpkg, in units of their own, at power-on. Each function returns an exit status."""

from functools import partial

from kiosk.installer.errors import InstallError, print_message
from kiosk.installer.layout import InstallLayout
from kiosk.installer.locks import SWITCH_LOCK, hold_lock, wait_for_dpkg
from kiosk.installer.progress import waiter
from kiosk.installer.releases import database, release, trial, upgrade
from kiosk.installer.releases.release import Dpkg
from kiosk.installer.settings import read_settings
from kiosk.installer.systemd import Systemctl, start_in_own_unit
from kiosk.system import atomic_files

DONE, NOT_DONE = 0, 1


def apply(layout: InstallLayout) -> int:
    """Called by dpkg: let the release that came be switched to, or the missing one be noticed. Waits for nothing."""
    if Systemctl().is_running:
        start_in_own_unit(["apply-now"])
        return DONE
    version = release.chosen_version(layout)
    if (
        version
        and release.linked_version(layout.current_link) is None
        and release.read_build(layout.releases_dir / version)
    ):
        upgrade.activate_first(version, layout, Systemctl())
    return DONE


def apply_now(layout: InstallLayout) -> int:
    """In a unit of its own: wait for dpkg, then switch to the release of the package entrance-kiosk if it is a new one."""
    wait_for_dpkg(layout.root)
    with hold_lock(layout.at(SWITCH_LOCK), wait=True):
        systemd, version = Systemctl(), release.chosen_version(layout)
        current = release.linked_version(layout.current_link)
        history, installed = release.read_history(layout), Dpkg().versions()
        if version not in installed:
            return DONE if current else _use_what_is_left(installed, layout, systemd)
        if current is None:
            release.verify_files(version)
            upgrade.activate_first(version, layout, systemd)
            return _first_start(layout, systemd)
        if current == version:
            release.update_history(layout, chosen=version)
            return _restart_if_rebuilt(layout, systemd)
        if history["chosen"] == version:
            return DONE
        release.update_history(layout, chosen=version)
        return _switch(version, layout, systemd)


def _use_what_is_left(installed: set[str], layout: InstallLayout, systemd: Systemctl) -> int:
    """The running release was removed: link another one that fits this system, if there is one."""
    usable = sorted(
        version for version in installed if release.accepts_configuration(layout.releases_dir / version, layout)
    )
    if not usable:
        print_message("no-release")
        return NOT_DONE
    upgrade.activate_first(usable[-1], layout, systemd)
    return _first_start(layout, systemd)


def _restart_if_rebuilt(layout: InstallLayout, systemd: Systemctl) -> int:
    """The files of the running release were replaced, as by an upgrade of the operating system: the gate starts again."""
    if release.read_history(layout).get("unpacked_ns") == release.unpacked_ns(layout.current_link):
        return DONE
    started = sorted(systemd.running() | systemd.enabled())
    upgrade.activate_first(str(release.linked_version(layout.current_link)), layout, systemd)
    if release.accepts_configuration(layout.current_link, layout):
        systemd.stop(started)
        systemd.start(started)
    return DONE


def _switch(version: str, layout: InstallLayout, systemd: Systemctl) -> int:
    """Check the new release, then switch. Raises InstallError before anything has changed."""
    current = release.linked_version(layout.current_link)
    new, old = release.require_build(version, layout), release.require_build(str(current), layout)
    database.require_rollback_possible(new, old)
    folder = layout.releases_dir / version
    release.verify_files(version)
    release.verify_imports(folder)
    mistakes = release.configuration_mistakes(folder, layout)
    if mistakes is not None and release.accepts_configuration(layout.current_link, layout):
        raise InstallError("configuration-not-usable", version=version, mistakes=mistakes)
    database.back_up_database(database.database_path(layout), new, old)
    release.forget_rejection(version, layout)
    print_message("upgrading", old=old.version, new=version)
    done = upgrade.switch_release(version, layout, systemd, waiter(layout, systemd))
    if not done:
        database.remove_copies(layout)
        release.prune(layout, Dpkg(), rejected_only=True)
    return DONE if done else NOT_DONE


def _first_start(layout: InstallLayout, systemd: Systemctl) -> int:
    """Start the units that start at power-on, if the configuration is complete, and wait."""
    if not layout.config_file.exists() or not release.accepts_configuration(layout.current_link, layout):
        return DONE
    systemd.start(sorted(systemd.enabled()))
    return DONE


def run_switch(version: str, layout: InstallLayout) -> int:
    """In a unit of its own: switch to a release because a person asked for it."""
    with hold_lock(layout.at(SWITCH_LOCK)):
        upgrade.recover_from_interruption(layout, Systemctl(), reason="interrupted")
        if release.linked_version(layout.current_link) == version:
            return DONE
        return _switch(version, layout, Systemctl())


def note_refusal(layout: InstallLayout, version: str | None, error: InstallError) -> None:
    """A switch that was refused: leave the reason where the person who waits looks for it."""
    current = release.linked_version(layout.current_link)
    to = version or release.chosen_version(layout)
    outcome = {"from": current, "to": to, "outcome": "refused", "reason": error.message, "ended_at": upgrade.now()}
    atomic_files.write_json(layout.last_upgrade_file, outcome)
    if version is None and current not in (None, to):  # it came with its package, and would only take space
        upgrade.note_for_people("refused", str(to), str(current), error.message, layout)
        release.reject(str(to), error.message, layout)
        release.prune(layout, Dpkg(), rejected_only=True)


def run_trial(layout: InstallLayout) -> int:
    """The unit entrance-kiosk-trial.service."""
    systemd = Systemctl()
    wait = waiter(layout, systemd)
    with hold_lock(layout.at(SWITCH_LOCK), wait=True):
        pass  # the switch that began this trial ends first
    lock = partial(hold_lock, layout.at(SWITCH_LOCK))
    while trial.watch(layout, systemd, Dpkg(), wait, trial_s=read_settings(layout).trial_s, hold=lock):
        pass
    return DONE
