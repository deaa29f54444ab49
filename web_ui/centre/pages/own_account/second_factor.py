"""The second factor: asking for its code at sign-in, and setting it up or removing it at the own account."""

from math import ceil

import segno
from flask import Blueprint, abort, make_response, redirect, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from mqtt.centre.accounts import accounts, second_factor
from mqtt.centre.accounts.audit import CentreAuditEntry, append_audit
from mqtt.centre.accounts.second_factor import SecondFactorError
from mqtt.centre.ingest.database import open_query
from web_ui.auth.access_control import client_address, is_same_origin
from web_ui.centre.access import (
    WAITING_COOKIE,
    centre_context,
    public,
    set_session_cookie,
    signed_in,
    viewer,
    write_audit,
)
from web_ui.centre.data.calendar import utc_now
from web_ui.centre.pages.own_account.password import is_own_password
from web_ui.centre.pages.rendering import page_formatter, render_page

second_factor_pages = Blueprint("second_factor", __name__)
MODULE_PX = 5


@second_factor_pages.route("/sign-in/code", methods=["GET", "POST"])
@public
def code() -> AnyResponse:
    """Ask for the code after the password. Without a password that was right, it leads back to the sign-in page."""
    context, now, token = centre_context(), utc_now(), request.cookies.get(WAITING_COOKIE, "")
    with open_query(context.settings.database) as query:
        waiting = second_factor.find_waiting(query, token, now)
    if waiting is None:
        return redirect(url_for("sign_in.sign_in"))
    if request.method != "POST":
        return render_page("sign_in_code.html")
    if not is_same_origin():
        abort(403)
    if wait_s := context.throttle.begin(client_address(), waiting.account):
        answer = render_page("sign_in_code.html", code=429, error="centre.sign-in.wait", seconds=ceil(wait_s))
        answer.headers["Retry-After"] = str(ceil(wait_s))
        return answer
    with open_query(context.settings.database) as query:
        may_try = second_factor.count_attempt(query, token)
    with open_query(context.settings.database) as query:
        is_right = may_try and second_factor.check_code(query, waiting.account, request.form.get("code", ""), now)
        what = "sign-in" if is_right else "sign-in-refused"
        append_audit(query, CentreAuditEntry(waiting.account, what, "second factor", client_address()), now)
        if is_right:
            second_factor.end_waiting(query, token)
        session = accounts.begin_session(query, waiting.account, client_address(), now) if is_right else ""
    if not is_right:
        return render_page("sign_in_code.html", code=403, error="centre.second-factor.wrong")
    context.throttle.succeed(client_address(), waiting.account)
    answer = make_response(redirect(url_for("areas.home")))
    answer.delete_cookie(WAITING_COOKIE, path="/sign-in", samesite="Strict", httponly=True)
    return set_session_cookie(answer, session)


@second_factor_pages.get("/me/second-factor")
@signed_in
def own() -> AnyResponse:
    """Whether it is on, and the forms to switch it on or off."""
    return _render()


@second_factor_pages.post("/me/second-factor")
@signed_in
def change() -> AnyResponse:
    """Begin and remove need the password, so that a browser left open is not enough. Confirm needs a code."""
    act = request.form.get("act", "")
    if act == "confirm":
        return _confirm()
    if act not in {"begin", "remove"}:
        abort(400)
    if not is_own_password():
        return _render(error="centre.sign-in.wrong", status=403)
    name = viewer().name
    try:
        with open_query(centre_context().settings.database) as query:
            write_audit(query, f"{act}-second-factor", name)
            if act == "begin":
                second_factor.begin_second_factor(query, name)
            else:
                second_factor.remove_second_factor(query, name)
    except SecondFactorError:
        abort(400)
    return redirect(url_for("second_factor.own"))


def _confirm() -> AnyResponse:
    context, name = centre_context(), viewer().name
    if context.throttle.begin(client_address(), name):
        return _render(error="centre.second-factor.wrong", status=429)
    with open_query(context.settings.database) as query:
        is_right = second_factor.confirm_second_factor(query, name, request.form.get("code", ""), utc_now())
        if is_right:
            write_audit(query, "confirm-second-factor", name)
    if not is_right:
        return _render(error="centre.second-factor.wrong", status=400)
    context.throttle.succeed(client_address(), name)
    return redirect(url_for("second_factor.own"))


def _render(*, error: str = "", status: int = 200) -> AnyResponse:
    found, context = viewer(), centre_context()
    with open_query(context.settings.database) as query:
        is_on = second_factor.has_second_factor(query, found.name)
        secret = None if is_on else second_factor.pending_secret(query, found.name)
    issuer = context.settings.organisation or page_formatter().t("centre.title")
    address = second_factor.setup_address(secret, found.name, issuer) if secret else ""
    picture = segno.make_qr(address, error="m").svg_inline(scale=MODULE_PX, light="white") if address else ""
    return render_page(
        "second_factor.html",
        code=status,
        error=error,
        is_on=is_on,
        picture=Markup(picture),  # noqa: S704  segno made it of numbers
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)) if secret else "",
    )
