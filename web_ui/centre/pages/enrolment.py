"""The page of enrolments: make a code for a kiosk, compare its words, approve or refuse it."""

from datetime import datetime
from typing import Any

import segno
from flask import Blueprint, abort, redirect, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from kiosk.enrolment.invitation_code import InvitationCodeError, WifiNetwork
from mqtt.centre.accounts.roles import Permission
from mqtt.centre.enrolment import invitations
from mqtt.centre.enrolment.invitations import Invitation, InvitationError, InvitationState
from mqtt.centre.enrolment.key_words import LANGUAGES, key_words
from mqtt.centre.enrolment.settings import NotSetUpError, read_settings
from mqtt.centre.ingest.database import open_query
from web_ui.centre.access import centre_context, current_fleet, guarded, viewer, write_audit
from web_ui.centre.data.calendar import utc_now
from web_ui.centre.enrolment_codes import about_request, invitation_text
from web_ui.centre.pages.rendering import page_formatter, render_page

enrolment_pages = Blueprint("enrolment", __name__)
MODULE_PX = 5
"""A code of 90 modules is then about 12 cm wide on a screen: the camera reads it at arm's length."""


@enrolment_pages.get("/enrolment")
@guarded(Permission.ENROL)
def enrolment_list() -> AnyResponse:
    """The kiosks that wait, and the codes of the last days."""
    return _render()


@enrolment_pages.post("/enrolment")
@guarded(Permission.ENROL)
def invite() -> AnyResponse:
    """Make a code. It stands in this answer alone, and is stored nowhere."""
    form, now = request.form, utc_now()
    site, device = (form.get(name, "").strip().lower() for name in ("site", "device"))
    area = _require_right(site)
    try:
        wifi = WifiNetwork(form["wifi"].strip(), form.get("password", "")) if form.get("wifi", "").strip() else None
        with open_query(centre_context().settings.database) as query:
            write_audit(query, "invite-kiosk", f"{site}/{device}", area=area)
            settings = read_settings(query)
            made, token = invitations.create_invitation(query, site, device, viewer().name, now)
            text = invitation_text(settings, made, token, wifi)
    except NotSetUpError:
        return _render(error="centre.enrolment.not-set-up", code=400)
    except (InvitationError, InvitationCodeError) as error:
        return _render(error="centre.enrolment.not-done", detail=str(error), code=400)
    picture = segno.make_qr(text, error="m", boost_error=False).svg_inline(scale=MODULE_PX, light="white")
    return _render(picture=Markup(picture), made=made)  # noqa: S704  segno made it of numbers


@enrolment_pages.post("/enrolment/<int:number>/<decision>")
@guarded(Permission.ENROL)
def decide(number: int, decision: str) -> AnyResponse:
    """Approve or refuse a request. The audit row is the first statement of its transaction."""
    if decision not in {"approve", "refuse"}:
        abort(404)
    database = centre_context().settings.database
    with open_query(database) as query:
        found = invitations.find_invitation(query, number) or abort(404)
    area = _require_right(found.site)
    if request.form.get("key", "") != found.key_hash:
        return _render(error="centre.enrolment.over", code=400)
    try:
        with open_query(database) as query:
            write_audit(query, f"{decision}-enrolment", about_request(found), area=area)
            invitations.decide(query, number, approve=decision == "approve", by=viewer().name, now=utc_now())
    except InvitationError:
        return _render(error="centre.enrolment.over", code=400)
    return redirect(url_for("enrolment.enrolment_list"))


def _area_of(site: str) -> int:
    """Number of the area of a site. 0: it is in none, and the business of the whole city."""
    found = current_fleet().sites.get(site)
    return found.area.number if found and found.area else 0


def _may(site: str) -> bool:
    found = current_fleet().sites.get(site)
    return viewer().rights.allows(Permission.ENROL, found.area if found else None)


def _require_right(site: str) -> int:
    """The number of the site's area. Aborts with 404 where the viewer may not enrol."""
    if not _may(site):
        abort(404)
    return _area_of(site)


def _render(
    *, error: str = "", detail: str = "", code: int = 200, picture: Markup | None = None, made: Invitation | None = None
) -> AnyResponse:
    now, formatter = utc_now(), page_formatter()
    with open_query(centre_context().settings.database) as query:
        found = [one for one in invitations.read_invitations(query, now) if _may(one.site)]
    waiting = [one for one in found if one.state_at(now) is InvitationState.WAITING]
    return render_page(
        "enrolment.html",
        code=code,
        error=error,
        detail=detail,
        picture=picture,
        made_until=formatter.time_of_day(made.expires_at) if made else "",
        made_name=made.wire_name if made else "",
        waiting=[_row(one, now) for one in waiting],
        recent=[_row(one, now) for one in found if one not in waiting],
        given=request.form,
    )


def _row(one: Invitation, now: datetime) -> dict[str, Any]:
    formatter = page_formatter()
    words = {language: " ".join(key_words(one.public_key_der, language)) for language in LANGUAGES}
    return {
        "number": one.number,
        "name": one.wire_name,
        "key": one.key_hash,
        "title": current_fleet().registry.full_title(one.wire_name, current_fleet().day),
        "state": formatter.t.code("centre.enrolment-state", one.state_at(now)),
        "words": words if one.public_key_der and one.state_at(now) is InvitationState.WAITING else {},
        "board": one.hardware_serial or "–",
        "address": one.address or "–",
        "by": one.created_by,
        "until": formatter.date_time(one.expires_at),
        "conflict": formatter.t("centre.enrolment.conflict", number=one.conflicts, address=one.conflict_address)
        if one.conflicts
        else "",
    }
