"""`kiosk doctor`: check this device and say what to do. Subcommands check one part in detail."""

import importlib
import sys
from pathlib import Path

import click

from kiosk import config
from kiosk.cli.doctor.device_checks import run_checks
from kiosk.core.status import CheckStatus
from kiosk.system.messages import check_message, check_value
from kiosk.system.translations import translator

SUBCOMMANDS = {"camera": "kiosk.cli.doctor.camera:camera"}
STATUS_LABELS = {
    CheckStatus.PASS: ("pass", "green"),
    CheckStatus.WARN: ("warn", "yellow"),
    CheckStatus.FAIL: ("fail", "red"),
}


class DoctorGroup(click.Group):
    """Imports a subcommand when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Names of the subcommands."""
        return sorted(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's signature
        """Import the subcommand."""
        if cmd_name not in SUBCOMMANDS:
            return None
        module, _, attribute = SUBCOMMANDS[cmd_name].partition(":")
        found = getattr(importlib.import_module(module), attribute)
        assert isinstance(found, click.Command)
        return found


@click.group(cls=DoctorGroup, invoke_without_command=True)
@click.option(
    "--config", "path", type=click.Path(path_type=Path), default=config.DEFAULT_PATH, help="Configuration file."
)
@click.option("--acceptance", is_flag=True, help="Walk through what only a real Pi can show, and write a report.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(),
    help="Folder of that report.",
)
@click.pass_context
def doctor(ctx: click.Context, path: Path, *, acceptance: bool, report: Path) -> None:
    """Look over camera, pins, disk, clock, keys, lists and the way to the centre. Exit status 1 when something is bad.

    Camera and pins are tried only while the kiosk is stopped. For a running kiosk its own health checks are shown.
    """
    if ctx.invoked_subcommand is not None:
        return
    settings = config.load_settings(path)
    if acceptance:
        from kiosk.cli.acceptance.command import run_acceptance  # noqa: PLC0415  only needed with --acceptance

        sys.exit(run_acceptance(settings, report))
    t = translator(settings.site.language)
    failed = False
    for check in run_checks(settings):
        label, colour = STATUS_LABELS[check.status]
        value = check_value(t, check)
        text = check_message(t, check) + (f" [{value}]" if value else "")
        click.echo(click.style(f"{label:<5}", fg=colour) + f"{check.code:<16}{text}")
        failed |= check.status is CheckStatus.FAIL
    sys.exit(1 if failed else 0)
