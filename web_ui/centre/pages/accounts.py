"""The accounts page: who may sign in, with which roles in which areas. An administrator of a ward manages its accounts only."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, abort, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from mqtt.centre.accounts import accounts
from mqtt.centre.accounts.accounts import Account, AccountChangeError
from mqtt.centre.accounts.api_tokens import read_tokens, revoke_tokens
from mqtt.centre.accounts.identities import read_identity, set_identity
from mqtt.centre.accounts.roles import Grant, OfficerRole, Permission
from mqtt.centre.accounts.second_factor import has_second_factor, remove_second_factor
from mqtt.centre.ingest.database import Query, open_query
from mqtt.centre.registry.model import Area
from web_ui.centre.access import centre_context, current_fleet, guarded, viewer, write_audit
from web_ui.centre.data.calendar import utc_now
from web_ui.centre.pages.rendering import page_formatter, render_page

account_pages = Blueprint("accounts", __name__)


@account_pages.get("/accounts")
@guarded(Permission.MANAGE_ACCOUNTS)
def account_list() -> AnyResponse:
    """The accounts that the viewer may manage."""
    return _render_list()


@account_pages.post("/accounts")
@guarded(Permission.MANAGE_ACCOUNTS)
def add() -> AnyResponse:
    """A new account with one role."""
    form = request.form
    grant = _grant_of_form()
    name = form.get("name", "").strip().lower()
    try:
        with open_query(centre_context().settings.database) as query:
            write_audit(query, "add-account", f"{name}: {_grant_text(grant)}", area=grant.area)
            accounts.add_account(query, name, form.get("display_name", ""), form.get("password", ""), utc_now())
            accounts.set_roles(query, name, [grant])
    except AccountChangeError as error:
        return _render_list(error="centre.account.refused", detail=str(error), code=400)
    return redirect(url_for("accounts.account", name=name))


@account_pages.get("/accounts/<name>")
@guarded(Permission.MANAGE_ACCOUNTS)
def account(name: str) -> AnyResponse:
    """One account: roles, sessions, password."""
    with open_query(centre_context().settings.database) as query:
        found = _managed(query, name)
        sessions = accounts.read_sessions(query, name, utc_now())
    return _render_account(found, sessions)


@account_pages.post("/accounts/<name>/<action>")
@guarded(Permission.MANAGE_ACCOUNTS)
def change(name: str, action: str) -> AnyResponse:
    """Change one account. `action`: one of ACTIONS."""
    if action not in ACTIONS:
        abort(404)
    try:
        with open_query(centre_context().settings.database) as query:
            found = _managed(query, name)
            ACTIONS[action](query, found)
    except AccountChangeError as error:
        with open_query(centre_context().settings.database) as query:
            found, sessions = _managed(query, name), accounts.read_sessions(query, name, utc_now())
        return _render_account(found, sessions, error="centre.account.refused", detail=str(error), code=400)
    return redirect(url_for("accounts.account", name=name))


def _managed(query: Query, name: str) -> Account:
    """An account that the viewer may manage. Aborts with 404."""
    found = accounts.read_accounts(query, name)
    if not found or not _may_manage(found[0]):
        abort(404)
    return found[0]


def _may_manage(found: Account) -> bool:
    """All its roles lie in the viewer's areas. An account without roles is the business of the whole city."""
    rights = viewer().rights
    if rights.allows(Permission.MANAGE_ACCOUNTS, None):
        return True
    return bool(found.grants) and rights.covers(Permission.MANAGE_ACCOUNTS, found.grants)


def _area_of(found: Account) -> int:
    """The area of the audit row about an account: that of its only role, or the whole city."""
    areas = {grant.area for grant in found.grants}
    return areas.pop() if len(areas) == 1 else 0


def _grant_of_form() -> Grant:
    """The role and area of the form. Aborts with 400, or with 404 for an area that is not the viewer's."""
    fleet = current_fleet()
    area = fleet.registry.area(request.form.get("area", ""), fleet.day)
    role = request.form.get("role", "")
    if role not in set(OfficerRole):
        abort(400)
    if area is None or not viewer().rights.allows(Permission.MANAGE_ACCOUNTS, area):
        abort(404)
    return Grant(OfficerRole(role), area.number)


def _add_role(query: Query, found: Account) -> None:
    grant = _grant_of_form()
    write_audit(query, "set-roles", f"{found.name}: + {_grant_text(grant)}", area=grant.area)
    accounts.set_roles(query, found.name, [*found.grants, grant])


def _remove_role(query: Query, found: Account) -> None:
    given = request.form.get("grant", "")
    kept = [grant for grant in found.grants if f"{grant.role}:{grant.area}" != given]
    _refuse_own(found)
    write_audit(query, "set-roles", f"{found.name}: - {given}", area=_area_of(found))
    accounts.set_roles(query, found.name, kept)


def _close(query: Query, found: Account) -> None:
    _refuse_own(found)
    write_audit(query, "close-account", found.name, area=_area_of(found))
    accounts.close_account(query, found.name, current_fleet().day)


def _reopen(query: Query, found: Account) -> None:
    write_audit(query, "reopen-account", found.name, area=_area_of(found))
    accounts.close_account(query, found.name, None)


def _set_password(query: Query, found: Account) -> None:
    write_audit(query, "set-password", found.name, area=_area_of(found))
    accounts.set_password(query, found.name, request.form.get("password", ""))


def _end_sessions(query: Query, found: Account) -> None:
    write_audit(query, "end-sessions", found.name, area=_area_of(found))
    accounts.end_sessions(query, found.name)


def _remove_second_factor(query: Query, found: Account) -> None:
    """For a person who lost their telephone."""
    write_audit(query, "remove-second-factor", found.name, area=_area_of(found))
    remove_second_factor(query, found.name)


def _revoke_tokens(query: Query, found: Account) -> None:
    write_audit(query, "revoke-tokens", found.name, area=_area_of(found))
    revoke_tokens(query, found.name)


def _set_identity(query: Query, found: Account) -> None:
    _refuse_own(found)
    identity = request.form.get("identity", "")
    write_audit(query, "set-identity", f"{found.name}: {identity or '-'}", area=_area_of(found))
    set_identity(query, found.name, identity)


ACTIONS = {
    "add-role": _add_role,
    "remove-role": _remove_role,
    "close": _close,
    "reopen": _reopen,
    "password": _set_password,
    "end-sessions": _end_sessions,
    "remove-second-factor": _remove_second_factor,
    "revoke-tokens": _revoke_tokens,
    "identity": _set_identity,
}


def _refuse_own(found: Account) -> None:
    """Who takes away the own rights by mistake cannot give them back. Raises AccountChangeError."""
    if found.name == viewer().name:
        raise AccountChangeError(page_formatter().t("centre.account.own"))


def _grant_text(grant: Grant) -> str:
    area = next((area for area in current_fleet().registry.rows.areas if area.number == grant.area), None)
    return f"{grant.role}:{area.code if area else grant.area}"


def _choices() -> dict[str, Any]:
    """What the forms offer: roles, and the areas where the viewer may give them."""
    fleet, formatter, rights = current_fleet(), page_formatter(), viewer().rights
    areas: list[Area] = []
    for top in rights.areas(Permission.MANAGE_ACCOUNTS):
        areas += fleet.registry.subtree(top, fleet.day)
    return {
        "roles": [(role.value, formatter.t.code("centre.role", role)) for role in OfficerRole],
        "choices": [(area.code, area.name(formatter.language)) for area in areas],
    }


def _account_row(found: Account) -> dict[str, Any]:
    fleet, formatter = current_fleet(), page_formatter()
    areas = {area.number: area for area in fleet.registry.rows.areas}
    return {
        "name": found.name,
        "display_name": found.display_name,
        "open": found.is_open(fleet.day),
        "grants": [
            {
                "key": f"{grant.role}:{grant.area}",
                "role": formatter.t.code("centre.role", grant.role),
                "area": areas[grant.area].name(formatter.language) if grant.area in areas else "–",
                "ended": grant.area not in areas
                or fleet.registry.area(areas[grant.area].code, fleet.day) != areas[grant.area],
            }
            for grant in found.grants
        ],
    }


def _render_list(*, error: str = "", detail: str = "", code: int = 200) -> AnyResponse:
    with open_query(centre_context().settings.database) as query:
        found = [one for one in accounts.read_accounts(query) if _may_manage(one)]
    rows = [_account_row(one) for one in found]
    return render_page(
        "accounts.html", code=code, rows=rows, error=error, detail=detail, given=request.form, **_choices()
    )


def _render_account(
    found: Account, sessions: Sequence[accounts.WebSession], *, error: str = "", detail: str = "", code: int = 200
) -> AnyResponse:
    formatter = page_formatter()
    shown = [(one.address, formatter.date_time(one.created_at), formatter.date_time(one.used_at)) for one in sessions]
    with open_query(centre_context().settings.database) as query:
        is_on, count = has_second_factor(query, found.name), len(read_tokens(query, found.name))
        identity = read_identity(query, found.name)
    row = _account_row(found) | {"has_second_factor": is_on, "tokens": count, "identity": identity}
    is_own = found.name == viewer().name
    return render_page(
        "account.html", code=code, account=row, sessions=shown, error=error, detail=detail, is_own=is_own, **_choices()
    )
