"""Aiming, for the administrator: a still picture on demand, with a target and what to change; it is kept nowhere.

The picture is part of the answer to the form (a `data:` address in it): it has no address of its own, nothing on this side of the
socket remembers it, and `no-store` tells the browser the same. Codes were painted over before it left the daemon.
"""

import base64
from dataclasses import dataclass

from flask import Blueprint, request
from pydantic import TypeAdapter, ValidationError
from werkzeug.wrappers import Response as AnyResponse

from kiosk.app import control_socket
from web_ui.auth import access_control
from web_ui.auth.accounts import Role
from web_ui.auth.login_pages import page
from web_ui.i18n import request_locale
from web_ui.kiosk.pages.command_client import give
from web_ui.kiosk.pages.kiosk_view import lookout
from web_ui.server import security_headers

aiming_page = Blueprint("aiming", __name__)

MAX_PICTURE_BYTES = 128 * 1024
JPEG = b"\xff\xd8\xff"
TARGET = 0.5
"""Side of the target, as a share of the picture's smaller side: about a hand's width at the distance of a hand."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Hint:
    """What to change, or that nothing has to be."""

    good: bool
    vi: str
    en: str


@dataclass(frozen=True, slots=True)
class Still:
    """The daemon's answer to TakeStill (kiosk/app/command_handlers.py, `told`)."""

    jpeg: str
    size_px: tuple[int, int]
    camera_px: tuple[int, int]
    mean_luma: float
    contrast: float
    sharpness: float
    module_px: float | None
    codes: tuple[tuple[Point, ...], ...]
    advice: tuple[Hint, ...]


_STILL = TypeAdapter(Still)


@aiming_page.route("/admin/aiming", methods=["GET", "POST"])
@access_control.needs(Role.ADMIN)
def aiming() -> AnyResponse:
    """Ask for a picture with POST; GET shows none."""
    if request.method == "GET":
        return page("aiming.html", still=None)
    given = give(control_socket.TakeStill())
    if given.error:
        return page("aiming.html", still=None, error=given.error, said=given.said, code=502)
    try:
        still = _STILL.validate_python(dict(given.detail))
        picture = base64.b64decode(still.jpeg, validate=True)
    except (ValidationError, ValueError):
        return page("aiming.html", still=None, error="aiming.not-one", code=502)
    if not picture.startswith(JPEG) or len(picture) > MAX_PICTURE_BYTES or min(still.size_px) < 1:
        return page("aiming.html", still=None, error="aiming.not-one", code=502)
    language = request_locale.language()
    answer = page(
        "aiming.html",
        still=still,
        picture=base64.b64encode(picture).decode("ascii"),
        hints=[(hint.good, hint.vi if language == "vi" else hint.en) for hint in still.advice],
        target=_target(still.size_px),
        outlines=[" ".join(f"{x:.1f},{y:.1f}" for x, y in code) for code in still.codes],
        number=lookout().writing(language).number,
    )
    answer.headers["Content-Security-Policy"] = security_headers.policy(images="'self' data:")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _target(size_px: tuple[int, int]) -> tuple[float, float, float]:
    """Left, top and side of the square in the middle."""
    side = min(size_px) * TARGET
    return (size_px[0] - side) / 2, (size_px[1] - side) / 2, side
