"""Makes the reference of the command line from the commands themselves (click)."""

import re
from collections.abc import Iterator

import click

from docs._generate.blocks import Blocks, table
from kiosk.cli import group


def reference() -> str:
    """Every command with its help, arguments and options."""
    return "\n\n".join(_command(group, "kiosk", click.Context(group, info_name="kiosk")))


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
            yield from _command(found, f"{name} {child}", below, min(level + 1, 3) if name != "kiosk" else 2)


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


BLOCKS: Blocks = {"reference/cli.md": {"commands": reference}}
