"""The command line of `kiosk release`, `kiosk setup` and `kiosk firmware`."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from kiosk.installer import background, commands
from kiosk.installer.errors import InstallError, print_line, print_message
from kiosk.installer.layout import InstallLayout
from kiosk.installer.progress import waiter
from kiosk.installer.releases import upgrade
from kiosk.installer.releases.readiness import READY_TIMEOUT_S
from kiosk.installer.systemd import Systemctl

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0: done. 1: not done, and the release before serves. 3: not ready. 4: neither release works. 130: Ctrl-C."""
    options = make_parser().parse_args(arguments)
    os.umask(0o022)  # the user of the daemon must be able to read files that root installs
    os.chdir("/")  # programs that are started from here must not import from a folder of other users
    layout = InstallLayout()

    def run() -> int:
        _require_root(options.command)
        return int(options.run(options, layout))

    def refused(error: InstallError) -> None:
        if options.command in ("run-switch", "apply-now"):
            background.note_refusal(layout, getattr(options, "version", None), error)

    return ended(run, refused)


def ended(run: Callable[[], int], refused: Callable[[InstallError], None] = lambda _error: None) -> int:
    """Exit status of a command. An error or Ctrl-C is one sentence on the terminal. `refused`: called for an error."""
    try:
        return run()
    except InstallError as error:
        print_line(f"kiosk: {error.message}")
        refused(error)
        return 1
    except KeyboardInterrupt:
        print_message("interrupted")
        return INTERRUPTED


def _require_root(command: str) -> None:
    if os.geteuid() != 0 and command != "missing":
        raise InstallError("root-needed", command=" ".join(sys.argv[1:]))


def make_parser() -> argparse.ArgumentParser:
    """The command line of this program."""
    parser = argparse.ArgumentParser(prog="kiosk", allow_abbrev=False)
    commands_of_tool = parser.add_subparsers(dest="command", required=True)
    _add_release(commands_of_tool.add_parser("release", allow_abbrev=False, help="install, switch and return releases"))
    _add_setup(commands_of_tool.add_parser("setup", allow_abbrev=False, help="take the files of this gate and start"))
    firmware = commands_of_tool.add_parser(
        "firmware", allow_abbrev=False, help="write the pins to the firmware of a Pi"
    )
    firmware.add_argument("--remove", action="store_true", help="take our settings away")
    firmware.add_argument(
        "--board", choices=["auto", "pi"], default="auto", help="pi: a card that is prepared elsewhere"
    )
    firmware.set_defaults(
        run=lambda options, layout: commands.write_firmware(layout, remove=options.remove, is_pi=options.board == "pi")
    )
    internal: dict[str, Callable[[argparse.Namespace, InstallLayout], int]] = {
        "apply": lambda _, layout: background.apply(layout),
        "apply-now": lambda _, layout: background.apply_now(layout),
        "run-switch": lambda options, layout: background.run_switch(options.version, layout),
        "trial": lambda _, layout: background.run_trial(layout),
        "recover": _recover,
        "missing": _missing,
    }
    for name, run in internal.items():
        command = commands_of_tool.add_parser(name, allow_abbrev=False)
        command.set_defaults(run=run)
        if name == "run-switch":
            command.add_argument("version")
        if name == "recover":
            command.add_argument("--booting", action="store_true")
    return parser


def _add_release(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", allow_abbrev=False, help="show the installed releases").set_defaults(
        run=lambda _, layout: commands.list_releases(layout)
    )
    switch = verbs.add_parser("switch", allow_abbrev=False, help="switch to another release")
    switch.add_argument("version")
    switch.set_defaults(run=lambda options, layout: commands.switch(options.version, layout))
    wait = verbs.add_parser("wait", allow_abbrev=False, help="wait for a switch that has begun")
    wait.add_argument("version")
    wait.add_argument("--since", default="", help="SHA-1 of last-upgrade.json before")
    wait.set_defaults(run=lambda options, layout: commands.wait_for_version(options.version, options.since, layout))
    verbs.add_parser("return", allow_abbrev=False, help="return to the release before").set_defaults(
        run=lambda _, layout: commands.return_to_previous(layout)
    )
    acknowledge = verbs.add_parser("acknowledge", allow_abbrev=False, help="stop showing a release that was taken back")
    acknowledge.set_defaults(run=lambda _, layout: commands.acknowledge_notice(layout))


def _add_setup(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--site", help="name of the place; asked for if it is not given")
    parser.add_argument("--gate", help="name of this gate; asked for if it is not given")
    parser.add_argument(
        "--credentials-dir", type=lambda text: Path(text).absolute(), metavar="FOLDER",
        help="keys, certificates and lists of this gate, from the centre",
    )  # fmt: skip
    parser.add_argument("--enrol", action="store_true", help="without names and keys: a code of the centre brings them")
    parser.add_argument("--renew", action="store_true", help="replace files that differ")
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.add_argument("--no-start", action="store_true", help="start nothing now, only at power-on")
    parser.add_argument("--ready-timeout", type=float, metavar="S", default=READY_TIMEOUT_S,
                        help="seconds to wait until the kiosk is ready [%(default)g]")  # fmt: skip
    parser.set_defaults(run=commands.set_up)


def _recover(options: argparse.Namespace, layout: InstallLayout) -> int:
    systemd = Systemctl()
    wait = None if options.booting else waiter(layout, systemd)
    upgrade.recover_from_interruption(layout, systemd, reason="interrupted", booting=options.booting, wait=wait)
    return 0


def _missing(_: argparse.Namespace, __: InstallLayout) -> int:
    raise InstallError("no-release")


if __name__ == "__main__":
    sys.exit(main())
