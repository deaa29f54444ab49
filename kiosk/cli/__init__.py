"""The command `kiosk`. Each subcommand has its own file, which is imported only when the subcommand runs.

The table is written by hand: importing all subcommands for their names would cost half a second per start on a Pi.
"""

import importlib
import sys
from importlib.metadata import entry_points, version

import click

from kiosk.core.ports import KioskError
from kiosk.system.terminal import adapt_output

COMMANDS = {
    "card": ("kiosk.cli.maintenance.card:card", "Prepare the memory card of a Raspberry Pi."),
    "centre": ("kiosk.cli.centre.command:centre", "Receive events from kiosks and send receipts."),
    "check-config": ("kiosk.cli.check_config:check_config", "Check a configuration file and report all mistakes."),
    "demo": ("kiosk.cli.demo:demo", "Run the whole system with synthetic people."),
    "config": ("kiosk.cli.maintenance.configuration:config", "Change settings of this device on trial."),
    "deny": ("kiosk.cli.issuing.deny:deny", "Withdraw passes: make and show denylists."),
    "doctor": ("kiosk.cli.doctor.command:doctor", "Check this device and say what to do."),
    "enrol": ("kiosk.cli.maintenance.enrol:enrol", "Show or forget the enrolment of this device."),
    "issue": ("kiosk.cli.issuing.issue:issue", "Make a signing key and passes to print."),
    "os-updates": ("kiosk.cli.maintenance.os_updates:os_updates", "Security updates of the operating system."),
    "pki": ("kiosk.cli.pki:pki", "Make and renew the certificates of broker, centre and kiosks."),
    "purge": ("kiosk.cli.maintenance.purge:purge", "Delete expired events on a device whose kiosk does not run."),
    "read": ("kiosk.cli.read:read", "Read the codes in image files."),
    "reissue": ("kiosk.cli.issuing.reissue:reissue", "Print passes again, and renew passes before they end."),
    "run": ("kiosk.cli.run:run", "Run the kiosk."),
    "signal": ("kiosk.cli.signals.signal:signal", "Play a lamp and buzzer pattern."),
    "speak": ("kiosk.cli.signals.speak:speak", "Say each answer through a loudspeaker."),
    "status": ("kiosk.cli.status:status", "Show state and health checks of the running kiosk."),
    "trust": ("kiosk.cli.issuing.trust:trust", "Make and show trust lists."),
    "verify": ("kiosk.cli.issuing.verify:verify", "Decide on code texts from standard input."),
}
OTHER_COMMANDS = {
    "trace": "Trace contacts under a case of two officers.",
    "web": "The status page.",
}
"""Those of packages that kiosk may not import, see ENTRY_POINTS."""
ENTRY_POINTS = "kiosk.commands"
CENTRE_ENTRY_POINTS = "kiosk.centre.commands"
CENTRE_COMMANDS = {
    "acknowledge": "kiosk.cli.centre.operator_commands:acknowledge",
    "backup": "kiosk.cli.centre.backup:backup",
    "check": "kiosk.cli.centre.check:check",
    "command": "kiosk.cli.centre.remote:command",
    "config": "kiosk.cli.centre.configuration:config",
    "forget": "kiosk.cli.centre.operator_commands:forget",
    "init": "kiosk.cli.centre.init:init",
    "leave": "kiosk.cli.centre.service.leave:leave",
    "lists": "kiosk.cli.centre.lists:lists",
    "migrate": "kiosk.cli.centre.backup:migrate",
    "restore": "kiosk.cli.centre.backup:restore",
    "sealing-key": "kiosk.cli.centre.sealing_key:sealing_key",
    "status": "kiosk.cli.centre.status:status",
    "verify-backup": "kiosk.cli.centre.backup:verify_backup",
}
"""Commands of `kiosk centre` that a running centre does not need."""


class LazyGroup(click.Group):
    """Lists commands by the table and imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Names of our commands and of commands from other packages."""
        return sorted({*COMMANDS, *(point.name for point in entry_points(group=ENTRY_POINTS))})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's signature
        """Import the file of the command."""
        if cmd_name in COMMANDS:
            module, _, attribute = COMMANDS[cmd_name][0].partition(":")
            found = getattr(importlib.import_module(module), attribute)
        else:
            points = [point for point in entry_points(group=ENTRY_POINTS) if point.name == cmd_name]
            found = points[0].load() if points else None
        assert found is None or isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, COMMANDS[name][1] if name in COMMANDS else OTHER_COMMANDS.get(name, ""))
                    for name in self.list_commands(ctx)
                ]
            )


class CentreGroup(click.Group):
    """The group `kiosk centre`: its own commands, those of the table, and those of packages that kiosk may not import."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        others = (point.name for point in entry_points(group=CENTRE_ENTRY_POINTS))
        return sorted({*super().list_commands(ctx), *CENTRE_COMMANDS, *others})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command when it is called."""
        if own := super().get_command(ctx, cmd_name):
            return own
        if cmd_name in CENTRE_COMMANDS:
            module, _, attribute = CENTRE_COMMANDS[cmd_name].partition(":")
            found = getattr(importlib.import_module(module), attribute)
        else:
            points = [point for point in entry_points(group=CENTRE_ENTRY_POINTS) if point.name == cmd_name]
            found = points[0].load() if points else None
        assert found is None or isinstance(found, click.Command)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that runs gets the default values that the file of --config has for it."""
        from kiosk.cli.centre.option_file import apply_table  # noqa: PLC0415  its libraries are for the centre alone

        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and command is not None:
            apply_table(ctx, name, command)
        return name, command, rest


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("entrance-kiosk"), prog_name="kiosk")
def group() -> None:
    """Entrance scanner: reads a personal QR, decides offline, signals, records, delivers."""


def main() -> None:
    """Entry point. A KioskError is printed without a traceback, and the exit status is 1."""
    adapt_output()
    try:
        group(prog_name="kiosk")
    except KioskError as error:
        click.echo(f"kiosk: {error}", err=True)
        sys.exit(1)
