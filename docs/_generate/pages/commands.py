"""Makes the reference of the command line from the commands themselves (click)."""

import re
from collections.abc import Iterable, Iterator

import click

from docs._generate.blocks import Blocks, table
from kiosk.cli import group

CENTRE = ("centre", "pki", "trace")
"""Commands that people use on servers."""
ISSUERS = ("deny", "issue", "reissue", "trust", "verify")
"""Commands that people use where passes are issued. All others run on a device."""


def on_a_device() -> str:
    """Every command of a device with its help, arguments and options."""
    context = click.Context(group, info_name="kiosk")
    return _commands(name for name in group.list_commands(context) if name not in CENTRE + ISSUERS)


def at_the_centre() -> str:
    """The same for the commands of the centre."""
    return _commands(CENTRE)


def for_issuers() -> str:
    """The same for the commands of issuers."""
    return _commands(ISSUERS)


def _commands(names: Iterable[str]) -> str:
    context = click.Context(group, info_name="kiosk")
    parts: list[str] = []
    for name in names:
        command = group.get_command(context, name)
        assert command is not None
        parts += _command(command, f"kiosk {name}", click.Context(command, info_name=name, parent=context))
    return "\n\n".join(parts)


def _command(command: click.Command, name: str, context: click.Context, level: int = 2) -> Iterator[str]:
    """The section of a command, then those of its subcommands."""
    yield f"{'#' * level} {name}"
    yield from _help(command)
    yield f"    {_usage(command, name, context)}"
    if options := [row for parameter in command.params for row in _option(parameter, context)]:
        yield table(("option", "meaning"), options)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            below = click.Context(found, info_name=child, parent=context)
            yield from _command(found, f"{name} {child}", below, level + 1)


def _help(command: click.Command) -> Iterator[str]:
    for paragraph in (command.help or command.short_help or "").split("\n\n"):
        if text := " ".join(paragraph.replace("\b", "").split()):
            yield text


def _usage(command: click.Command, name: str, context: click.Context) -> str:
    return " ".join([name, *command.collect_usage_pieces(context)])


def _option(parameter: click.Parameter, context: click.Context) -> Iterator[tuple[str, str]]:
    record = parameter.get_help_record(context)
    if record and isinstance(parameter, click.Option):
        yield (
            f"`{record[0]}`",
            re.sub(r"\[.*\]$", lambda found: found[0].replace(";", ","), " ".join(record[1].split())),
        )


BLOCKS: Blocks = {
    "reference/commands/device.md": {"commands": on_a_device},
    "reference/commands/centre.md": {"commands": at_the_centre},
    "reference/commands/issuers.md": {"commands": for_issuers},
}
