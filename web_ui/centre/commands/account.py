"""`kiosk centre account`: who may sign in at the pages, and with which roles in which areas."""

import click

from mqtt.centre.accounts import accounts
from mqtt.centre.accounts.accounts import AccountChangeError
from mqtt.centre.accounts.api_tokens import MAX_DAYS, ApiTokenError, create_token, revoke_tokens
from mqtt.centre.accounts.identities import set_identity
from mqtt.centre.accounts.roles import Grant, OfficerRole
from mqtt.centre.accounts.second_factor import has_second_factor, remove_second_factor
from mqtt.centre.ingest.database import Query
from mqtt.centre.registry.store import read_rows
from mqtt.centre.registry.tree import Registry, make_registry
from web_ui.centre.commands.options import audited, reading, with_reason
from web_ui.centre.data.calendar import local_day, utc_now

ROLE_OPTION = click.option(
    "--role",
    "roles",
    multiple=True,
    metavar="ROLE:AREA",
    help=f"{', '.join(OfficerRole)}, and the code of an area. May be repeated.",
)


@click.group()
def account() -> None:
    """Accounts of the centre's pages."""


@account.command()
@click.argument("name")
@click.option("--display-name", default="", help="The name of the person.")
@ROLE_OPTION
@with_reason
@click.password_option(help="Better leave it out: it is then asked for, and stays out of the history of the shell.")
@click.pass_obj
def add(
    database: str,
    name: str,
    *,
    display_name: str,
    roles: tuple[str, ...],
    password: str,
    requested_by: str,
    reason: str,
) -> None:
    """Add an account, for example with --role admin:46."""
    try:
        with audited(database, requested_by, "add-account", f"{name}: {', '.join(roles)}", reason) as query:
            accounts.add_account(query, name, display_name, password, utc_now())
            accounts.set_roles(query, name, _parse_roles(query, roles))
    except AccountChangeError as error:
        raise click.ClickException(f"nothing was changed: {error}") from error
    click.echo(f"{name} may sign in.")


@account.command(name="roles")
@click.argument("name")
@ROLE_OPTION
@with_reason
@click.pass_obj
def roles_command(database: str, name: str, *, roles: tuple[str, ...], requested_by: str, reason: str) -> None:
    """Replace the roles of an account. Without --role it has none."""
    try:
        with audited(database, requested_by, "set-roles", f"{name}: {', '.join(roles)}", reason) as query:
            accounts.set_roles(query, name, _parse_roles(query, roles))
    except AccountChangeError as error:
        raise click.ClickException(f"nothing was changed: {error}") from error
    click.echo(f"{name}: {', '.join(roles) or 'no role'}")


@account.command()
@click.argument("name")
@with_reason
@click.password_option()
@click.pass_obj
def password(database: str, name: str, *, password: str, requested_by: str, reason: str) -> None:
    """Set a new password. The account is signed out everywhere."""
    try:
        with audited(database, requested_by, "set-password", name, reason) as query:
            accounts.set_password(query, name, password)
    except AccountChangeError as error:
        raise click.ClickException(f"nothing was changed: {error}") from error
    click.echo(f"{name} has a new password.")


@account.command()
@click.argument("name")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="First day on which it is closed. Default: today.")
@click.option("--reopen", is_flag=True, help="Open it again.")
@with_reason
@click.pass_obj
def close(database: str, name: str, *, until: object, reopen: bool, requested_by: str, reason: str) -> None:
    """Close an account and sign it out everywhere. Its audit rows stay."""
    day = None if reopen else until.date() if hasattr(until, "date") else local_day(utc_now())
    try:
        with audited(database, requested_by, "reopen-account" if reopen else "close-account", name, reason) as query:
            accounts.close_account(query, name, day)
    except AccountChangeError as error:
        raise click.ClickException(f"nothing was changed: {error}") from error
    click.echo(f"{name} is open." if day is None else f"{name} is closed from {day} on.")


@account.command(name="remove-second-factor")
@click.argument("name")
@with_reason
@click.pass_obj
def remove_second_factor_command(database: str, name: str, *, requested_by: str, reason: str) -> None:
    """Sign-ins of the account need the password only. For a person who lost their telephone."""
    with audited(database, requested_by, "remove-second-factor", name, reason) as query:
        if not remove_second_factor(query, name):
            raise click.ClickException(f"nothing was changed: {name} has no second factor")
    click.echo(f"{name} has no second factor.")


@account.command()
@click.argument("name")
@click.argument("identity_text", metavar="IDENTITY")
@with_reason
@click.pass_obj
def identity(database: str, name: str, *, identity_text: str, requested_by: str, reason: str) -> None:
    """Say what the sign-in provider calls the owner of an account. An empty text takes it away."""
    try:
        with audited(database, requested_by, "set-identity", f"{name}: {identity_text or '-'}", reason) as query:
            set_identity(query, name, identity_text)
    except AccountChangeError as error:
        raise click.ClickException(f"nothing was changed: {error}") from error
    click.echo(f"{name} signs in as {identity_text!r}." if identity_text else f"{name} has no identity.")


@account.command(name="token")
@click.argument("name")
@click.option("--label", required=True, help="What it is for.")
@click.option("--days", type=click.IntRange(1, MAX_DAYS), default=90, show_default=True, help="How long it is valid.")
@with_reason
@click.pass_obj
def token_command(database: str, name: str, *, label: str, days: int, requested_by: str, reason: str) -> None:
    """Make a token with which a program reads `/api/v1` as this account. It is printed once."""
    try:
        with audited(database, requested_by, "add-token", f"{name}: {label}", reason) as query:
            token = create_token(query, name, label, days, utc_now())
    except ApiTokenError as error:
        raise click.ClickException(f"nothing was changed: {error}") from error
    click.echo(token)


@account.command(name="revoke-tokens")
@click.argument("name")
@with_reason
@click.pass_obj
def revoke_tokens_command(database: str, name: str, *, requested_by: str, reason: str) -> None:
    """Revoke all tokens of an account."""
    with audited(database, requested_by, "revoke-tokens", name, reason) as query:
        count = revoke_tokens(query, name)
    click.echo(f"{name}: {count} tokens were revoked.")


@account.command(name="list")
@click.pass_obj
def list_command(database: str) -> None:
    """All accounts with their roles. A role in an area that ended gives no rights, and says so."""
    day = local_day(utc_now())
    with reading(database) as query:
        registry, found = make_registry(read_rows(query)), accounts.read_accounts(query)
        protected = {one.name for one in found if has_second_factor(query, one.name)}
    for one in found:
        until = f", closed from {one.until} on" if one.until else ""
        until += ", second factor" if one.name in protected else ""
        click.echo(f"{one.name} ({one.display_name}{until})")
        for grant in one.grants:
            area = next((area for area in registry.rows.areas if area.number == grant.area), None)
            where = f"{area.code} {area.name_vi}" if area else f"area {grant.area}, which is not in the registry"
            ended = f", which ended on {area.until}: no rights" if area and area.until and area.until <= day else ""
            click.echo(f"  {grant.role} in {where}{ended}")
    if not found:
        click.echo("There is no account yet.", err=True)


def _parse_roles(query: Query, texts: tuple[str, ...]) -> list[Grant]:
    registry = make_registry(read_rows(query))
    return [_parse_role(registry, text) for text in texts]


def _parse_role(registry: Registry, text: str) -> Grant:
    role, _, code = text.partition(":")
    area = registry.area(code, local_day(utc_now()))
    if role not in set(OfficerRole):
        raise AccountChangeError(f"{role!r} is not a role: {', '.join(OfficerRole)}")
    if area is None:
        raise AccountChangeError(
            f"there is no area {code!r} today. Import the areas first: kiosk centre registry import"
        )
    return Grant(OfficerRole(role), area.number)
