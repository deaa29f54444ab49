"""Camera alignment for the administrator: a picture on request, with a target frame and advice. It is not stored.

The picture is part of the response to the form, as a `data:` address. It has no address of its own, this process does not keep
it, and `no-store` forbids the browser to keep it. The daemon covers codes before it sends the picture.
"""

import base64
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, current_app, request
from pydantic import TypeAdapter, ValidationError
from werkzeug.wrappers import Response as AnyResponse

from kiosk.app import control_socket
from kiosk.core.ports import KioskError
from web_ui.auth import access_control
from web_ui.auth.accounts import Role
from web_ui.i18n import request_locale
from web_ui.kiosk.pages.command_client import submit_command
from web_ui.kiosk.pages.kiosk_view import kiosk_view
from web_ui.kiosk.pages.rendering import render_page
from web_ui.server import security_headers

aiming_page = Blueprint("aiming", __name__)

MAX_IMAGE_BYTES = 128 * 1024
AUDIT_INTERVAL_S = 60.0
"""Live pictures come each second. One entry for a minute of looking says the same."""
LIVE_LOOKS_EXTENSION = "kiosk-live-looks"
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
        return _with_picture_policy(render_page("aiming.html", image=None))
    given = submit_command(control_socket.CapturePreviewCommand())
    if given.error:
        return render_page("aiming.html", image=None, error=given.error, message=given.message, code=502)
    values = _image_values(given.detail)
    if values is None:
        return render_page("aiming.html", image=None, error="aiming.no-image", code=502)
    return _with_picture_policy(render_page("aiming.html", **values))


@aiming_page.post("/admin/aiming/live")
@access_control.require_role(Role.ADMIN)
def live() -> AnyResponse:
    """The next picture for the script of the page, as a part of it. The audit log has one entry for each minute of looking."""
    session = access_control.current_session()
    assert session is not None
    if current_app.extensions[LIVE_LOOKS_EXTENSION].is_due(session.csrf_token):
        access_control.write_audit("capture-preview", "done", "live")
    try:
        answer = control_socket.send_command(kiosk_view().settings.run_dir, control_socket.CapturePreviewCommand())
    except KioskError:
        return render_page("parts/aiming.html", image=None, problem="command.unreachable", code=502)
    values = _image_values(answer.detail) if answer.ok else None
    if values is None:
        problem = "aiming.no-image" if answer.ok else "aiming.live.wait"
        return render_page("parts/aiming.html", image=None, problem=problem, code=502)
    return _with_picture_policy(render_page("parts/aiming.html", **values))


class LiveLooks:
    """When each login last had an entry in the audit log for live pictures. Any thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._audited_s: dict[str, float] = {}

    def is_due(self, login: str) -> bool:
        """Whether this look needs an entry. If so, the next one is due after AUDIT_INTERVAL_S."""
        with self._lock:
            now_s = self._monotonic()
            self._audited_s = {key: at for key, at in self._audited_s.items() if now_s - at < AUDIT_INTERVAL_S}
            if login in self._audited_s:
                return False
            self._audited_s[login] = now_s
            return True


def _image_values(detail: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the template shows. None: the answer of the daemon has no picture."""
    try:
        image = _IMAGE_ADAPTER.validate_python(dict(detail))
        picture = base64.b64decode(image.jpeg, validate=True)
    except (ValidationError, ValueError):
        return None
    if not picture.startswith(JPEG_SIGNATURE) or len(picture) > MAX_IMAGE_BYTES or min(image.size_px) < 1:
        return None
    formatter = kiosk_view().formatter(request_locale.request_language())
    return {
        "image": image,
        "picture": base64.b64encode(picture).decode("ascii"),
        "hints": [(hint.is_ok, formatter.t.code("aiming-advice", hint.code)) for hint in image.advice],
        "target": _target_square(image.size_px),
        "outlines": [" ".join(f"{x:.1f},{y:.1f}" for x, y in code) for code in image.codes],
        "number": formatter.number,
    }


def _with_picture_policy(answer: Response) -> Response:
    """Allow the picture within the page, and forbid the browser to keep it."""
    answer.headers["Content-Security-Policy"] = security_headers.content_security_policy(image_sources="'self' data:")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _target_square(size_px: tuple[int, int]) -> tuple[float, float, float]:
    """Left, top and side of the square in the middle."""
    side = min(size_px) * TARGET_SHARE
    return (size_px[0] - side) / 2, (size_px[1] - side) / 2, side
