"""Signing in and out, and the reader's own account."""

from math import ceil

from flask import Blueprint, abort, make_response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from mqtt.centre.accounts import accounts
from mqtt.centre.accounts.accounts import AccountChangeError
from mqtt.centre.accounts.audit import CentreAuditEntry, append_audit
from mqtt.centre.accounts.second_factor import begin_waiting, has_second_factor
from mqtt.centre.ingest.database import open_query
from web_ui.auth.access_control import client_address, is_same_origin
from web_ui.centre.access import (
    SESSION_COOKIE,
    centre_context,
    public,
    set_session_cookie,
    set_waiting_cookie,
    signed_in,
    viewer,
    write_audit,
)
from web_ui.centre.data.calendar import utc_now
from web_ui.centre.pages.rendering import page_formatter, render_page

sign_in_pages = Blueprint("sign_in", __name__)
UNKNOWN_ACCOUNT = "-"
"""How attempts with a name without an account are counted."""
MAX_NAME_LENGTH = 40


@sign_in_pages.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> AnyResponse:
    """Ask for name and password, then for the code of a second factor. Each attempt is counted before it is compared."""
    if request.method != "POST":
        return render_page("sign_in.html")
    if not is_same_origin():
        abort(403)
    context, now = centre_context(), utc_now()
    name = request.form.get("name", "").strip().lower()[:MAX_NAME_LENGTH]
    with open_query(context.settings.database) as query:
        known = name if accounts.read_accounts(query, name) else UNKNOWN_ACCOUNT
    if wait_s := context.throttle.begin(client_address(), known):
        answer = render_page("sign_in.html", code=429, error="centre.sign-in.wait", seconds=ceil(wait_s), name=name)
        answer.headers["Retry-After"] = str(ceil(wait_s))
        return answer
    with open_query(context.settings.database) as query:
        is_right = accounts.may_sign_in(query, name, request.form.get("password", ""), now)
        needs_code = is_right and has_second_factor(query, name)
        if not needs_code:
            what = "sign-in" if is_right else "sign-in-refused"
            append_audit(query, CentreAuditEntry(known, what, why=client_address()), now)
        waiting = begin_waiting(query, name, now) if needs_code else ""
        token = accounts.begin_session(query, name, client_address(), now) if is_right and not needs_code else ""
    if not is_right:
        return render_page("sign_in.html", code=403, error="centre.sign-in.wrong", name=name)
    context.throttle.succeed(client_address(), known)
    if needs_code:
        return set_waiting_cookie(make_response(redirect(url_for("second_factor.code"))), waiting)
    return set_session_cookie(make_response(redirect(url_for("areas.home"))), token)


@sign_in_pages.post("/sign-out")
@signed_in
def sign_out() -> AnyResponse:
    """End this session."""
    with open_query(centre_context().settings.database) as query:
        write_audit(query, "sign-out")
        accounts.end_session(query, request.cookies.get(SESSION_COOKIE, ""))
    answer = make_response(redirect(url_for("sign_in.sign_in")))
    answer.delete_cookie(SESSION_COOKIE, samesite="Strict", httponly=True)
    return answer


@sign_in_pages.route("/me", methods=["GET", "POST"])
@signed_in
def own_account() -> AnyResponse:
    """The reader's roles and sessions. A POST sets a new password, and ends all sessions."""
    found, database = viewer(), centre_context().settings.database
    error = ""
    if request.method == "POST":
        error = _change_own_password()
        if not error:
            return redirect(url_for("sign_in.sign_in"))
    with open_query(database) as query:
        sessions = accounts.read_sessions(query, found.name, utc_now())
        is_on = has_second_factor(query, found.name)
    formatter = page_formatter()
    areas = {area.number: area for area in found.rights.registry.rows.areas}
    return render_page(
        "own_account.html",
        code=400 if error else 200,
        error=error,
        has_second_factor=is_on,
        grants=[(formatter.t.code("centre.role", grant.role), areas.get(grant.area)) for grant in found.rights.grants],
        sessions=[
            (one.address, formatter.date_time(one.created_at), formatter.date_time(one.used_at)) for one in sessions
        ],
    )


def _change_own_password() -> str:
    """Returns the message of an error. Empty if it is changed."""
    name, context = viewer().name, centre_context()
    if context.throttle.begin(client_address(), name):
        return "centre.sign-in.wrong"
    with open_query(context.settings.database) as query:
        if not accounts.is_password(query, name, request.form.get("present", "")):
            return "centre.sign-in.wrong"
    context.throttle.succeed(client_address(), name)
    try:
        with open_query(context.settings.database) as query:
            write_audit(query, "set-own-password")
            accounts.set_password(query, name, request.form.get("password", ""))
    except AccountChangeError:
        return "centre.account.short"
    return ""
