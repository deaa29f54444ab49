"""`kiosk config`: what counts over the configuration file of this device, and changes of it on trial."""

import getpass
import json
import time
from pathlib import Path

import click

from kiosk import config as settings_of_device
from kiosk.app import control_socket
from kiosk.config.loader import read_tree
from kiosk.config.overlay.changeable import check_values, parse_assignment
from kiosk.config.overlay.document import HistoryEntry, OverlayState
from kiosk.config.overlay.journal import Journal
from kiosk.config.overlay.reading import device_name, journal_folder, own_state
from kiosk.core.ports import KioskError
from mqtt.printable_text import printable

config_option = click.option(
    "--config", "path", type=click.Path(path_type=Path), default=settings_of_device.DEFAULT_PATH, show_default=True
)


@click.group()
def config() -> None:
    """Settings that the centre or this device changed over its file. Each change is tried first."""


@config.command()
@config_option
def show(path: Path) -> None:
    """Show what counts over the file, where it comes from, and what is on trial."""
    state = _read_state(path)
    overlay = state.effective
    for name, value in sorted(overlay.values.items()):
        source = (
            "changed on this device" if name in overlay.local else f"centre, {overlay.origins.get(name, 'unknown')}"
        )
        click.echo(printable(f"{name} = {json.dumps(value, ensure_ascii=False)}  ({source})"))
    if not overlay.values:
        click.echo("The file of this device counts alone.")
    if state.trial is not None:
        left_s = max(0, round(state.trial.deadline_s - time.monotonic())) if state.trial.is_started else None
        when = "when the kiosk starts again" if left_s is None else f"at the latest in {left_s} s"
        click.echo(printable(f"On trial, by {state.trial.author.who}. It is kept or rolled back {when}."))


@config.command(name="try")
@config_option
@click.argument("assignments", metavar="NAME=VALUE...", nargs=-1)
@click.option("--unset", "removed", multiple=True, metavar="NAME", help="The value of the centre or of the file again.")
@click.option("--reason", default="", help="Why, for the history.")
@click.option("--check-only", is_flag=True, help="Check the values, and change nothing.")
def try_values(
    path: Path, *, assignments: tuple[str, ...], removed: tuple[str, ...], reason: str, check_only: bool
) -> None:
    """Try settings for up to three minutes. The kiosk starts again with them, and goes back by itself where they do not work."""
    if not assignments and not removed:
        raise click.UsageError("Name a setting: NAME=VALUE, or --unset NAME.")
    try:
        values = dict(map(parse_assignment, assignments))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="NAME=VALUE") from error
    local = {**_read_state(path).in_force.local, **values}
    for name in removed:
        local.pop(name, None)
    errors = check_values(local, read_tree(path))
    if errors:
        raise click.ClickException("nothing was changed:\n" + "\n".join(errors))
    if check_only:
        click.echo("The values are possible.")
        return
    command = control_socket.TryConfigurationCommand(values, getpass.getuser()[:64], removed, reason)
    _send(path, command)
    click.echo("The kiosk tries them. `kiosk config show` says how far it is. `kiosk config keep` does not wait.")


@config.command()
@config_option
def keep(path: Path) -> None:
    """Keep what is on trial, without waiting for its end."""
    _send(path, control_socket.KeepConfigurationCommand())
    click.echo("Kept.")


@config.command(name="roll-back")
@config_option
def roll_back(path: Path) -> None:
    """Take back what is on trial."""
    _send(path, control_socket.RollBackConfigurationCommand())
    click.echo("The kiosk starts again with the settings of before.")


@config.command()
@config_option
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="How many, the newest.")
def history(path: Path, *, limit: int) -> None:
    """Who changed what, newest first, and what came of it."""
    for entry in reversed(_read_state(path).history[-limit:]):
        click.echo(printable(entry_line(entry)))


def entry_line(entry: HistoryEntry) -> str:
    """One change as a line."""
    changes = ", ".join(
        f"{name}: {_text(before)} -> {_text(after)}" for name, (before, after) in sorted(entry.changes.items())
    )
    why = " ".join(filter(None, (entry.code, entry.detail)))
    result = f"{entry.state} ({why})" if why else str(entry.state)
    reason = f" ({entry.author.reason})" if entry.author.reason else ""
    return f"{entry.at:%Y-%m-%d %H:%M:%S} {entry.author.place} {entry.author.who}: {changes}{reason}: {result}"


def _text(value: object) -> str:
    return "file" if value is None else json.dumps(value, ensure_ascii=False)


def _read_state(path: Path) -> OverlayState:
    """Raises ConfigError."""
    tree = read_tree(path)
    return own_state(Journal(journal_folder(tree, path.absolute().parent)).read(), device_name(tree))


def _send(path: Path, command: control_socket.Command) -> None:
    try:
        answer = control_socket.send_command(settings_of_device.load_settings(path).run_dir, command)
    except KioskError as error:
        raise click.ClickException(f"{error} A change is tried by the running kiosk.") from error
    if not answer.ok:
        raise click.ClickException(f"nothing was changed: {answer.message}")
