"""`kiosk centre config`: the settings that the centre wants of its kiosks, where each comes from, and what became of them."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import click

from kiosk.system.translations import translator
from mqtt.centre.accounts.audit import take_turn
from mqtt.centre.configuration import sending, store
from mqtt.centre.configuration.schema import prepare_configuration
from mqtt.centre.configuration.scopes import (
    AREA,
    CITY,
    DEVICE,
    SITE,
    WHOLE_CITY_SCOPE,
    Scope,
    StoredValue,
    parse_scope,
    plain_values,
    scopes_of,
)
from mqtt.centre.configuration.store import Change, ChangeNotTakenError
from mqtt.centre.ingest.database import open_query
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.centre.registry.store import read_rows
from mqtt.centre.registry.tree import Registry, make_registry
from mqtt.printable_text import printable
from mqtt.remote.configuration import TrialState, values_sha256

MIN_REASON_LENGTH = 10
Command = Callable[..., Any]


@click.group()
def config() -> None:
    """Settings that kiosks get from the centre: for the city, an area, a site or a device. The nearest counts."""


def scope_options(command: Command) -> Command:
    """One of `--city`, `--area`, `--site` and `--device`."""
    for option in (
        click.option("--device", metavar="SITE/DEVICE", help="For this device."),
        click.option("--site", help="For all devices of this site."),
        click.option(
            "--area", metavar="CODE", help="For all sites in this area of the registry, and in all areas below it."
        ),
        click.option("--city", is_flag=True, help="For all devices."),
    ):
        command = option(command)
    return command


def reason_options(command: Command) -> Command:
    """Who asks, and why."""
    for option in (
        click.option("--reason", required=True, help="Why, for the audit of centre and kiosk."),
        click.option("--requested-by", required=True, help="The name of the person who asks."),
    ):
        command = option(command)
    return command


@config.command(name="set")
@click.argument("assignments", metavar="NAME=VALUE...", nargs=-1, required=True)
@scope_options
@reason_options
@click.pass_obj
def set_values(database: str, /, *, assignments: tuple[str, ...], requested_by: str, reason: str, **where: Any) -> None:
    """Set settings, all or none of them. Names and values are those of kiosk.toml: access.capacity=200.

    Each kiosk checks them, tries them for up to three minutes, and goes back by itself if it is not as healthy as before or does
    not reach the centre.
    """
    from kiosk.config.overlay.changeable import parse_assignment  # noqa: PLC0415  loads the schema

    try:
        values = dict(map(parse_assignment, assignments))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="NAME=VALUE") from error
    if len(values) < len(assignments):
        raise click.BadParameter("a setting stands there twice.", param_hint="NAME=VALUE")
    _change(database, where, Change(WHOLE_CITY_SCOPE, values, (), f"cli:{requested_by.strip()}", reason.strip()))


@config.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@scope_options
@reason_options
@click.pass_obj
def unset(database: str, /, *, names: tuple[str, ...], requested_by: str, reason: str, **where: Any) -> None:
    """Take settings back. Then the value of the scope above counts, or that of the kiosk's own file."""
    _change(database, where, Change(WHOLE_CITY_SCOPE, {}, names, f"cli:{requested_by.strip()}", reason.strip()))


@config.command()
@click.argument("device", metavar="SITE/DEVICE")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def show(database: str, /, *, device: str, as_json: bool) -> None:
    """The settings that a device gets, where each was set and by whom, and what became of them."""
    with _errors():
        prepare_configuration(database)
        now = datetime.now(UTC)
        with open_query(database) as query:
            wanted = sending.ConfigurationSender().wanted(query, device, now)
            report = next(iter(sending.read_reports(query, device)), None)
            registry = make_registry(read_rows(query))
    state = follows(report, wanted)
    if as_json:
        click.echo(json.dumps(_as_json(device, wanted, state, report), ensure_ascii=False))
        return
    click.echo(f"{device}: {state_sentence(report, state)}")
    for name, value in sorted(wanted.items()):
        at = value.changed_at.strftime("%Y-%m-%d %H:%M")
        text = json.dumps(value.value, ensure_ascii=False)
        place = scope_title(parse_scope(value.scope), registry, now)
        covered = " (the device has another value)" if report and name in report.local else ""
        click.echo(f"  {name} = {text}  from {place}, {printable(value.changed_by)}, {at} UTC{covered}")
    for name, local in sorted(report.local.items() if report else ()):
        click.echo(f"  {name} = {printable(json.dumps(local, ensure_ascii=False))}  set on the device itself")


@config.command()
@click.option("--not-in-force", "only_open", is_flag=True, help="Only devices that do not have what they should.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each device.")
@click.pass_obj
def status(database: str, /, *, only_open: bool, as_json: bool) -> None:
    """Which devices have the settings that they should. Exit status 1 where a device refused them or went back."""
    with _errors():
        prepare_configuration(database)
        now, sender = datetime.now(UTC), sending.ConfigurationSender()
        with open_query(database) as query:
            reports = sending.read_reports(query)
            rows = [(report, sender.wanted(query, report.device, now)) for report in reports]
    failed = False
    for report, wanted in rows:
        state = follows(report, wanted)
        failed |= state in {TrialState.ROLLED_BACK, TrialState.REFUSED}
        if only_open and state == TrialState.IN_FORCE:
            continue
        if as_json:
            click.echo(json.dumps(_as_json(report.device, wanted, state, report), ensure_ascii=False))
        else:
            click.echo(f"{report.device}: {state_sentence(report, state)}")
    if not reports:
        click.echo("No device has ever said what is in force.", err=True)
    if failed:
        raise SystemExit(1)


@config.command()
@scope_options
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many, the newest.")
@click.pass_obj
def history(database: str, /, *, limit: int, **where: Any) -> None:
    """Who changed what, newest first. With `--device`: all that concerns this device."""
    with _errors():
        prepare_configuration(database)
        now = datetime.now(UTC)
        with open_query(database) as query:
            registry = make_registry(read_rows(query))
            scopes = _scopes_of_history(registry, where, now)
            rows = store.read_changes(query, scopes, limit)
    for row in rows:
        place = scope_title(parse_scope(row.scope), registry, now)
        change = f"{row.old_value or 'not set'} -> {row.new_value or 'not set'}"
        at = row.changed_at.strftime("%Y-%m-%d %H:%M:%S")
        click.echo(printable(f"{at} {row.changed_by} {place}: {row.name}: {change} ({row.reason})"))


@config.command(name="try-again")
@click.argument("device", metavar="SITE/DEVICE")
@click.pass_obj
def try_again(database: str, /, *, device: str) -> None:
    """Let a device try its settings once more, after it went back or refused them."""
    with _errors():
        prepare_configuration(database)
        with open_query(database) as query:
            take_turn(query)
            wanted = sending.ConfigurationSender().wanted(query, device, datetime.now(UTC))
            known = sending.try_again(query, device, values_sha256(plain_values(wanted)))
    if not known:
        raise click.ClickException(f"{printable(device)} never said what is in force")
    click.echo(f"{device} gets its settings again when it is connected.")


def follows(report: sending.DeviceConfiguration | None, wanted: Mapping[str, StoredValue]) -> str:
    """How far the settings of a device are: a TrialState, `waiting`, or `unknown`."""
    return "unknown" if report is None else report.follows(values_sha256(plain_values(wanted)))


def state_sentence(report: sending.DeviceConfiguration | None, state: str) -> str:
    """How far it is, in words."""
    t = translator("en")
    text = t(f"centre.config.state.{state}")
    if report is None or state not in {TrialState.ROLLED_BACK, TrialState.REFUSED}:
        return text
    detail = f" ({report.detail})" if report.detail else ""
    return printable(f"{text}: {t.code('centre.config.code', report.code)}{detail}")


def scope_title(scope: Scope, registry: Registry, now: datetime) -> str:
    """`the city`, `the area Phường Thuận Hóa`, `the site dong-ba` or `the device`."""
    if scope.kind == AREA:
        names = (one.name_vi for one in registry.rows.areas if str(one.number) == scope.name)
        return f"the area {next(names, scope.name)}"
    if scope.kind == SITE:
        site = registry.site(scope.name, now.date())
        return f"the site {site.title if site else scope.name}"
    return "the city" if scope.kind == CITY else f"the device {scope.name}"


def _change(database: str, where: Mapping[str, Any], change: Change) -> None:
    """Take a change for the scope that the options name."""
    if len(change.reason) < MIN_REASON_LENGTH:
        raise click.BadParameter(f"an auditor needs at least {MIN_REASON_LENGTH} characters.", param_hint="--reason")
    from kiosk.config.overlay.changeable import check_values  # noqa: PLC0415  loads the schema

    with _errors():
        prepare_configuration(database)
        now = datetime.now(UTC)
        with open_query(database) as query:
            take_turn(query)
            scope = parse_where(where, make_registry(read_rows(query)), now)
            concerned = store.change_values(query, replace(change, scope=scope), check_values, now)
    click.echo(f"Changed for {len(concerned)} {'device' if len(concerned) == 1 else 'devices'}.")


def parse_where(where: Mapping[str, Any], registry: Registry, now: datetime) -> Scope:
    """The scope that the options name. Raises click.UsageError and ChangeNotTakenError."""
    given = [kind for kind in (CITY, AREA, SITE, DEVICE) if where[kind]]
    if len(given) != 1:
        raise click.UsageError("Name one of --city, --area, --site and --device.")
    if given[0] == AREA:
        return store.find_scope(registry, where[AREA], now.date())
    return Scope(given[0], "" if given[0] == CITY else where[given[0]])


def _scopes_of_history(registry: Registry, where: Mapping[str, Any], now: datetime) -> list[str] | None:
    if not any(where.values()):
        return None
    scope = parse_where(where, registry, now)
    if scope.kind != DEVICE:
        return [str(scope)]
    return [str(one) for one in scopes_of(registry, scope.name, now.date())]


def _as_json(
    device: str,
    wanted: Mapping[str, StoredValue],
    state: str,
    report: sending.DeviceConfiguration | None,
) -> dict[str, Any]:
    return {
        "device": device,
        "state": state,
        "code": report.code if report else "",
        "detail": report.detail if report else "",
        "values": {
            name: {"value": one.value, "from": one.scope, "changed_by": one.changed_by}
            for name, one in sorted(wanted.items())
        },
        "local": dict(report.local) if report else {},
    }


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except ChangeNotTakenError as error:
        raise click.ClickException(f"nothing was changed: {error}") from error
    except LedgerError as error:
        raise click.ClickException(printable(str(error))) from error
