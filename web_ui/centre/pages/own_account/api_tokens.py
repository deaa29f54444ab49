"""The own tokens for programs: list, make, revoke. A new token is shown once."""

from flask import Blueprint, abort, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from mqtt.centre.accounts import api_tokens
from mqtt.centre.accounts.api_tokens import ApiToken, ApiTokenError
from mqtt.centre.ingest.database import open_query
from web_ui.centre.access import centre_context, signed_in, viewer, write_audit
from web_ui.centre.data.calendar import utc_now
from web_ui.centre.pages.own_account.password import is_own_password
from web_ui.centre.pages.rendering import age_text, page_formatter, render_page

api_token_pages = Blueprint("api_tokens", __name__)
DAYS = (30, 90, 365)


@api_token_pages.get("/me/tokens")
@signed_in
def own() -> AnyResponse:
    """The tokens of the account, and a form for a new one."""
    return _render()


@api_token_pages.post("/me/tokens")
@signed_in
def create() -> AnyResponse:
    """A new token needs the password, so that a browser left open gives no lasting access."""
    days, name = request.form.get("days", ""), viewer().name
    if days not in {str(one) for one in DAYS}:
        abort(400)
    if not is_own_password():
        return _render(error="centre.sign-in.wrong", status=403)
    label = request.form.get("label", "")
    try:
        with open_query(centre_context().settings.database) as query:
            write_audit(query, "add-token", f"{name}: {label}")
            token = api_tokens.create_token(query, name, label, int(days), utc_now())
    except ApiTokenError:
        return _render(error="centre.tokens.refused", status=400)
    return _render(token=token)


@api_token_pages.post("/me/tokens/<int:number>/revoke")
@signed_in
def revoke(number: int) -> AnyResponse:
    """Delete one. It opens nothing from now on."""
    name = viewer().name
    with open_query(centre_context().settings.database) as query:
        write_audit(query, "revoke-token", f"{name}: {number}")
        if number >= 2**31 or not api_tokens.revoke_token(query, name, number):
            abort(404)
    return redirect(url_for("api_tokens.own"))


def _render(*, token: str = "", error: str = "", status: int = 200) -> AnyResponse:
    with open_query(centre_context().settings.database) as query:
        found = api_tokens.read_tokens(query, viewer().name)
    rows = [_row(one) for one in found]
    return render_page("api_tokens.html", code=status, tokens=rows, made=token, error=error, days=DAYS)


def _row(one: ApiToken) -> dict[str, object]:
    formatter, now = page_formatter(), utc_now()
    return {
        "number": one.number,
        "label": one.label,
        "created": formatter.date(one.created_at),
        "expires": formatter.date(one.expires_at),
        "is_over": now >= one.expires_at,
        "used": age_text(formatter, one.used_at, now),
    }
