"""`install.sh`: the command line that installs, upgrades, rolls back and uninstalls."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from kiosk.installer import readiness, upgrade
from kiosk.installer.errors import InstallError, print_line
from kiosk.installer.install import roll_back, run_install, run_uninstall
from kiosk.installer.layout import InstallLayout
from kiosk.installer.locks import INSTALL_LOCK, SWITCH_LOCK, hold_lock
from kiosk.installer.machine import device
from kiosk.installer.machine.device import Systemctl


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0: done. 1: not done, and the previous version, if there is one, still runs."""
    options = _parser().parse_args(arguments)
    os.umask(0o022)  # the user of the daemon must be able to read files that root installs
    os.chdir("/")  # programs that the installer starts must not import from a folder of other users
    layout = InstallLayout()
    try:
        device.require_root()
        device.require_persistent_root(layout, Path("/proc/mounts").read_text(encoding="utf-8"))
        return _run(options, layout)
    except InstallError as error:
        print_line(f"install.sh: {error.message}")
        return 1


def _run(options: argparse.Namespace, layout: InstallLayout) -> int:
    if options.command == "recover":  # without the install lock, which the waiting install.sh holds
        upgrade.recover_from_interruption(layout, Systemctl(), reason="interrupted", booting=options.booting)
        return 0
    if options.command == "switch":
        return _run_switch(options.release, layout, options.ready_timeout)
    with hold_lock(layout.at(INSTALL_LOCK)):
        with hold_lock(layout.at(SWITCH_LOCK)):
            pass  # taken while an upgrade continues after its terminal was closed
        upgrade.recover_from_interruption(layout, Systemctl(), reason="interrupted")
        if options.uninstall:
            return run_uninstall(layout, Systemctl(), purge=options.purge)
        if options.rollback:
            return roll_back(layout, options.ready_timeout)
        return run_install(options, layout)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="install.sh", allow_abbrev=False, description="Install the entrance kiosk, or upgrade it."
    )
    parser.add_argument("--site", help="name of the place; asked for if it is not given")
    parser.add_argument("--gate", help="name of this gate; asked for if it is not given")
    parser.add_argument(
        "--credentials-dir",
        type=lambda text: Path(text).absolute(),
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


def _run_switch(name: str, layout: InstallLayout, timeout_s: float) -> int:
    systemd = Systemctl()

    def wait(preexisting_failures: frozenset[str]) -> readiness.Readiness:
        return readiness.wait_until_ready(layout, systemd, preexisting_failures, timeout_s=timeout_s)

    with hold_lock(layout.at(SWITCH_LOCK)):
        done = upgrade.switch_release(name, layout, systemd, wait)
    return 0 if done else 1


if __name__ == "__main__":
    # PYTHONPATH has only a part of the package. Programs of a release, started from here, must use the whole package.
    os.environ.pop("PYTHONPATH", None)
    sys.exit(main())
