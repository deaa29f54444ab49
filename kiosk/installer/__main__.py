"""`install.sh`: install, upgrade, return, uninstall; the story from the first check to the ready lamp."""

import argparse
import fcntl
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from kiosk.installer import atomic_files, database, initial_config, readiness, release, upgrade
from kiosk.installer.bundle import content as bundles
from kiosk.installer.bundle.content import Bundle
from kiosk.installer.errors import InstallTrouble, say
from kiosk.installer.layout import Layout
from kiosk.installer.machine import device, system_files, system_packages
from kiosk.installer.machine.device import RealSystemd

LOCK = "/run/entrance-kiosk-install.lock"
SWITCH_LOCK = "/run/entrance-kiosk-switch.lock"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0: what was asked for is so; 1: it is not, and the old version runs, if there was one."""
    asked = _parser().parse_args(arguments)
    os.umask(0o022)  # the daemon's user must be able to read what root installs
    layout = Layout()
    try:
        device.must_be_root()
        device.must_be_on_disk(layout, Path("/proc/mounts").read_text(encoding="utf-8"))
        if asked.verb == "recover":  # must not wait for the lock of the install.sh that waits for us
            upgrade.recover(layout, RealSystemd(), why="interrupted", booting=asked.booting)
            return 0
        if asked.verb == "switch":
            return _switch(asked.release, layout, asked.ready_within)
        with layout.at(LOCK).open("w") as lock:
            _only_one(lock)
            with layout.at(SWITCH_LOCK).open("w") as other:
                _only_one(other)  # whose terminal was closed goes on
            upgrade.recover(layout, RealSystemd(), why="interrupted")
            if asked.uninstall:
                return uninstall(layout, RealSystemd(), purge=asked.purge)
            if asked.back:
                return go_back(layout, asked.ready_within)
            return install(asked, layout)
    except InstallTrouble as trouble:
        say(f"install.sh: {trouble.vi}", f"install.sh: {trouble.en}")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="install.sh", description="Install the entrance kiosk, or bring it up to date."
    )
    parser.add_argument("--site", help="name of the place; asked once where it is not given")
    parser.add_argument("--gate", help="name of this gate; asked once where it is not given")
    parser.add_argument(
        "--keys", type=Path, metavar="FOLDER", help="what the centre gave for this gate: keys, certificates, lists"
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.add_argument(
        "--board", choices=["auto", "pi", "other"], default="auto", help="whether the firmware's files are ours"
    )
    parser.add_argument("--no-start", action="store_true", help="start nothing now; power-on will")
    parser.add_argument("--return", dest="back", action="store_true", help="go back to the version before this one")
    parser.add_argument(
        "--uninstall", action="store_true", help="take the program away; records and configuration stay"
    )
    parser.add_argument(
        "--purge", action="store_true", help="with --uninstall: records, configuration and keys as well"
    )
    parser.add_argument("--ready-within", type=float, metavar="S", default=readiness.READY_WITHIN_S,
                        help="how long an upgrade waits for the new version before it goes back [%(default)g]")  # fmt: skip
    verbs = parser.add_subparsers(dest="verb", metavar="")
    switch = verbs.add_parser("switch")
    switch.add_argument("release")
    recover = verbs.add_parser("recover")
    recover.add_argument("--booting", action="store_true")
    return parser


def _switch(name: str, layout: Layout, within_s: float) -> int:
    systemd = RealSystemd()

    def wait(known: frozenset[str]) -> readiness.Readiness:
        return readiness.wait(layout, systemd, known, timeout_s=within_s)

    with layout.at(SWITCH_LOCK).open("w") as lock:
        _only_one(lock)
        done = upgrade.switch(name, layout, systemd, wait)
    return 0 if done else 1


def _only_one(lock: TextIO) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InstallTrouble("Một lần cài đặt khác đang chạy.", "Another install.sh is at work here.") from None


def install(asked: argparse.Namespace, layout: Layout) -> int:
    """Install, or upgrade, or find that everything is as it should be."""
    machine = device.this_machine(layout, asked.board)
    systemd = RealSystemd()
    bundle = bundles.open_bundle(Path(os.environ["BUNDLE"]))
    old = release.name_of(layout.current)
    if old != bundle.release:
        bundles.verify(bundle)
        _refuse_one_way(bundle, old, layout)
    system_packages.install(machine.suite, machine.architecture, bundle.folder / "debs")
    initial_config.take_keys(layout, asked.keys)
    initial_config.settle(
        layout,
        bundle.folder / "kiosk.example.toml",
        {"site": asked.site, "gate": asked.gate},
        _nobody_to_ask if asked.yes else initial_config.ask_at_the_terminal,
    )
    folder = release.build(bundle, layout, machine)
    if old in (None, bundle.release):
        done = True
        upgrade.put_in_force(bundle.release, layout, systemd)
        initial_config.give_to_group(layout)
        usable = is_usable(folder, layout)
        idle = systemd.runs and not systemd.main_pid(readiness.DAEMON)
        if usable and idle and not asked.no_start:
            _start(layout, systemd, asked.ready_within)
    else:
        usable = is_usable(folder, layout)
        done = upgraded(asked, bundle, release.described(layout.releases / old), folder, layout, usable=usable)
    if machine.raspberry_pi and done and system_files.place_firmware(folder / "system", layout):
        say(
            "Hãy khởi động lại máy để cấu hình phần cứng có hiệu lực: sudo reboot",
            "The firmware's settings changed: sudo reboot",
        )
    if done:
        release.prune(layout)
        _say_version(bundle.version, usable=usable)
    return 0 if done else 1


def _refuse_one_way(bundle: Bundle, old: str | None, layout: Layout) -> None:
    if old is not None:
        database.must_be_returnable(bundle, release.described(layout.releases / old))


def _nobody_to_ask(name: str) -> str:
    raise InstallTrouble(f"Chưa biết {name}. Hãy thêm --{name} TÊN.", f"The {name} is not known: add --{name} NAME.")


def is_usable(folder: Path, layout: Layout) -> bool:
    """Whether a release can work with this device's configuration."""
    command: list[str | Path] = [folder / "venv/bin/kiosk", "check-config", layout.config]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _start(layout: Layout, systemd: RealSystemd, within_s: float) -> None:
    """The first start. A device whose camera is not plugged in yet is installed all the same."""
    say("Khởi động ...", "Starting ...")
    systemd.start(upgrade.started_again(layout))
    found = readiness.wait(layout, systemd, timeout_s=within_s)
    if found.ready:
        say(
            f"Sẵn sàng ({found.state}) sau {found.seconds:.1f} giây.",
            f"Ready ({found.state}) after {found.seconds:.1f} s.",
        )
    else:
        say(
            f"Đã cài, nhưng chưa sẵn sàng ({found.state}). Hãy gõ: sudo kiosk doctor",
            f"Installed, but not ready ({found.state}). Type:  sudo kiosk doctor",
        )


def upgraded(
    asked: argparse.Namespace, bundle: Bundle, old: Bundle, folder: Path, layout: Layout, *, usable: bool
) -> bool:
    """Let the new version run; False where the old one runs again."""
    systemd = RealSystemd()
    if not usable and is_usable(layout.releases / old.release, layout):
        raise InstallTrouble(
            f"Phiên bản {bundle.version} không dùng được cấu hình này. Chưa có gì bị thay đổi. "
            f"Xem: {folder}/venv/bin/kiosk check-config",
            f"Version {bundle.version} cannot use this configuration. Nothing was changed. "
            f"See:  {folder}/venv/bin/kiosk check-config",
        )
    if not usable or not systemd.runs:  # nobody can see whether it would become ready; a cut is met all the same
        return upgrade.switch(bundle.release, layout, systemd, lambda _: readiness.UNWATCHED)
    database.copy_before(database.path_of(layout), bundle, old)
    say(f"Nâng cấp từ {old.version} lên {bundle.version} ...", f"From {old.version} to {bundle.version} ...")
    return _switched(bundle.release, folder, layout, asked.ready_within)


def _switched(name: str, folder: Path, layout: Layout, within_s: float) -> bool:
    before = atomic_files.read_json(layout.outcome)
    status = device.detached(["--ready-within", str(within_s), "switch", name], folder)
    with layout.at(SWITCH_LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # systemd-run ends early where it loses sight of the unit
    told = atomic_files.read_json(layout.outcome)
    why = told["why"] if told and told != before else f"exit status {status}"
    if upgrade.came_to_its_end(name, layout):
        say(f"Đã xong: {why}.", f"Done: {why}.")
        return True
    runs = release.name_of(layout.current)
    say(
        f"Không thành công ({why}). Phiên bản {runs} đang chạy như trước; không mất lượt qua nào. "
        "Xem: journalctl -u entrance-kiosk-upgrade",
        f"It did not work ({why}). Release {runs} runs as before, and no passage was lost. "
        "See:  journalctl -u entrance-kiosk-upgrade",
    )
    return False


def go_back(layout: Layout, within_s: float) -> int:
    """To the version before this one, by the same careful way."""
    previous = release.name_of(layout.previous)
    if previous is None:
        raise InstallTrouble("Không có phiên bản trước.", "There is no version before this one.")
    return 0 if _switched(previous, layout.releases / previous, layout, within_s) else 1


def uninstall(layout: Layout, systemd: RealSystemd, *, purge: bool) -> int:
    """Take everything away that install put here; records, configuration and keys only with `purge`."""
    units = system_files.units_placed(layout)
    systemd.stop(units)
    systemd.disable(units)
    system_files.take_away(layout)
    atomic_files.remove(layout.command)
    atomic_files.remove_tree(layout.program)
    if systemd.runs:
        subprocess.run(["systemctl", "daemon-reload"], check=False)
    if purge:
        for folder in ("/var/lib/entrance-kiosk-web", "/var/lib/private/entrance-kiosk-web"):
            path = layout.at(folder)
            path.unlink() if path.is_symlink() else atomic_files.remove_tree(path)
        atomic_files.remove_tree(layout.data)
        atomic_files.remove_tree(layout.etc)
        subprocess.run(["userdel", "entrance-kiosk"], check=False, capture_output=True)
    kept = "" if purge else f" ({layout.data}, {layout.etc})"
    say(f"Đã gỡ. {'Dữ liệu và cấu hình vẫn còn' + kept if kept else 'Không còn gì'}.",
        f"Taken away. {'Records and configuration are still here' + kept if kept else 'Nothing is left'}.")  # fmt: skip
    return 0


def _say_version(version: str, *, usable: bool) -> None:
    say(f"Đã cài phiên bản {version}.", f"Version {version} is installed.")
    if not usable:
        say(
            "Còn thiếu trước khi chạy được; hãy gõ: sudo kiosk check-config  rồi: sudo systemctl start kiosk kiosk-web",
            "Something is missing before it can run. Type:  sudo kiosk check-config   then:  sudo systemctl start kiosk kiosk-web",
        )


if __name__ == "__main__":
    sys.exit(main())
