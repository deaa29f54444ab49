"""Camera alignment for the administrator: a picture on request, with a target frame and advice. It is not stored.

The picture is part of the response to the form, as a `data:` address. It has no address of its own, this process does not keep
it, and `no-store` forbids the browser to keep it. The daemon covers codes before it sends the picture.
"""

import base64
from dataclasses import dataclass

from flask import Blueprint, request
from pydantic import TypeAdapter, ValidationError
from werkzeug.wrappers import Response as AnyResponse

from kiosk.app import control_socket
from web_ui.auth import access_control
from web_ui.auth.accounts import Role
from web_ui.i18n import request_locale
from web_ui.kiosk.pages.command_client import submit_command
from web_ui.kiosk.pages.kiosk_view import kiosk_view
from web_ui.kiosk.pages.rendering import render_page
from web_ui.server import security_headers

aiming_page = Blueprint("aiming", __name__)

MAX_IMAGE_BYTES = 128 * 1024
JPEG_SIGNATURE = b"\xff\xd8\xff"
TARGET_SHARE = 0.5
"""Side of the target frame, as a share of the smaller side of the picture."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class AimingHint:
    """One advice of the daemon (kiosk/decoding/preview/aiming.py)."""

    code: str
    is_ok: bool


@dataclass(frozen=True, slots=True)
class AimingImage:
    """The daemon's response to the command capture-preview (kiosk/app/command_handlers.py)."""

    jpeg: str
    size_px: tuple[int, int]
    camera_px: tuple[int, int]
    mean_luma: float
    contrast: float
    sharpness: float
    module_px: float | None
    codes: tuple[tuple[Point, ...], ...]
    advice: tuple[AimingHint, ...]


_IMAGE_ADAPTER = TypeAdapter(AimingImage)


@aiming_page.route("/admin/aiming", methods=["GET", "POST"])
@access_control.require_role(Role.ADMIN)
def aiming() -> AnyResponse:
    """POST requests a picture. GET shows none."""
    if request.method == "GET":
        return render_page("aiming.html", image=None)
    given = submit_command(control_socket.CapturePreviewCommand())
    if given.error:
        return render_page("aiming.html", image=None, error=given.error, message=given.message, code=502)
    try:
        image = _IMAGE_ADAPTER.validate_python(dict(given.detail))
        picture = base64.b64decode(image.jpeg, validate=True)
    except (ValidationError, ValueError):
        return render_page("aiming.html", image=None, error="aiming.no-image", code=502)
    if not picture.startswith(JPEG_SIGNATURE) or len(picture) > MAX_IMAGE_BYTES or min(image.size_px) < 1:
        return render_page("aiming.html", image=None, error="aiming.no-image", code=502)
    formatter = kiosk_view().formatter(request_locale.request_language())
    answer = render_page(
        "aiming.html",
        image=image,
        picture=base64.b64encode(picture).decode("ascii"),
        hints=[(hint.is_ok, formatter.t.code("aiming-advice", hint.code)) for hint in image.advice],
        target=_target_square(image.size_px),
        outlines=[" ".join(f"{x:.1f},{y:.1f}" for x, y in code) for code in image.codes],
        number=formatter.number,
    )
    answer.headers["Content-Security-Policy"] = security_headers.content_security_policy(image_sources="'self' data:")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _target_square(size_px: tuple[int, int]) -> tuple[float, float, float]:
    """Left, top and side of the square in the middle."""
    side = min(size_px) * TARGET_SHARE
    return (size_px[0] - side) / 2, (size_px[1] - side) / 2, side
