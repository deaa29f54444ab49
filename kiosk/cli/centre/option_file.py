"""The file of `kiosk centre --config`: options of `kiosk centre` and, in a table for each, options of its subcommands."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import click

from kiosk.config.toml_file import TomlError, parse_toml
from kiosk.config.unknown_keys import unknown_key_message

INSTALLED_FILE = Path("/etc/entrance-centre/centre.toml")
"""Written by `kiosk centre init`. Without --config it is used where it exists."""
RENAMED_KEYS = {"site_root": "topic_prefix", "share": "share_group", "drain_per_s": "backlog_events_per_s"}
"""Old key -> new key."""
_PATH = "kiosk.cli.centre.option_file"
"""Key of the file's path in the context."""


def load_option_defaults(context: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    """Read default values of the options from a TOML file. Its keys are option names. Raises click.ClickException.

    `path`: None for the file of the package, where there is one.
    """
    path = path or _installed_file()
    if path is None:
        return None
    try:
        found = parse_toml(path.read_bytes())
    except OSError as error:
        raise click.ClickException(f"{path}: cannot be read: {error.strerror}.") from error
    except TomlError as error:
        raise click.ClickException(f"{path}: {error}.") from error
    command = context.command
    assert isinstance(command, click.Group)
    tables = {name: table for name, table in found.items() if isinstance(table, dict) and name in _groups(command)}
    options = {name: value for name, value in found.items() if name not in tables}
    errors = _errors(options, command, "", _groups(command))
    if errors:
        raise click.ClickException("\n".join(f"{path}: {error}" for error in errors))
    context.default_map = {**_by_parameter(options, command), **tables}
    context.meta[_PATH] = path
    return path


def apply_table(context: click.Context, name: str, subcommand: click.Command) -> None:
    """Check the table of the subcommand that runs, and make it the default values of its options. Raises click.ClickException.

    The other tables are not looked at: their commands would have to be imported.
    """
    table = (context.default_map or {}).get(name)
    if not isinstance(table, dict) or context.default_map is None:
        return
    errors, values = _table(table, subcommand, f"{name}.")
    if errors:
        raise click.ClickException("\n".join(f"{context.meta[_PATH]}: {error}" for error in errors))
    context.default_map = {**context.default_map, name: values}


def _table(table: Mapping[str, Any], command: click.Command, name: str) -> tuple[list[str], dict[str, Any]]:
    """The mistakes and the values of a table. A group may have a table for each of its commands."""
    commands = command.commands if isinstance(command, click.Group) else {}
    inner = {key: value for key, value in table.items() if isinstance(value, dict) and key in commands}
    options = {key: value for key, value in table.items() if key not in inner}
    errors, values = _errors(options, command, name), _by_parameter(options, command)
    for key, value in inner.items():
        found, values[key] = _table(value, commands[key], f"{name}{key}.")
        errors += found
    return errors, values


def _installed_file() -> Path | None:
    try:
        return INSTALLED_FILE if INSTALLED_FILE.exists() else None
    except PermissionError:  # its folder is for root and the centre
        return None


def _groups(command: click.Group) -> Collection[str]:
    """Names that are a table and not an option."""
    names = set(command.list_commands(click.Context(command)))
    return names - {str(option.name) for option in command.params}


def _errors(found: Mapping[str, Any], command: click.Command, table: str, tables: Collection[str] = ()) -> list[str]:
    """`tables`: names of tables that could have been meant."""
    known = _parameters(command)
    names = {*known, *tables}
    errors = [f"{table}{key}: {_key_error(key, names)}" for key in map(_underscored, found) if key not in known]
    for key, value in found.items():
        parameter = known.get(_underscored(key))
        text = _value_error(value, many=parameter is not None and parameter.multiple)
        if text:
            errors.append(f"{table}{_underscored(key)}: {text}.")
    return errors


def _by_parameter(found: Mapping[str, Any], command: click.Command) -> dict[str, Any]:
    """Values as click takes them: by the name of the parameter, which need not be that of the option."""
    known = _parameters(command)
    values = {}
    for key, value in found.items():
        parameter = known.get(_underscored(key))
        if parameter is not None:
            values[str(parameter.name)] = [value] if parameter.multiple and not isinstance(value, list) else value
    return values


def _parameters(command: click.Command) -> dict[str, click.Option]:
    """Options by the names that people write: `allowed_host` for --allowed-host."""
    options = [option for option in command.params if isinstance(option, click.Option)]
    return {_underscored(text.lstrip("-")): option for option in options for text in option.opts}


def _underscored(key: str) -> str:
    return key.replace("-", "_")


def _value_error(value: object, *, many: bool) -> str:
    """An empty path would be the current folder."""
    if many and isinstance(value, list) and value:
        return next(filter(None, (_value_error(each, many=False) for each in value)), "")
    if not isinstance(value, str | int | float):
        return "a text or a number is expected"
    return "is empty. Leave this key out" if isinstance(value, str) and not value.strip() else ""


def _key_error(key: str, known: Collection[str]) -> str:
    renamed = RENAMED_KEYS.get(key)
    return f"this key is now {renamed}." if renamed else unknown_key_message(key, known)
