"""The support bundle as a download, for the administrator."""

from datetime import UTC, datetime

from flask import Blueprint, Response
from werkzeug.wrappers import Response as AnyResponse

from kiosk.config import ConfigError
from web_ui.auth import access_control
from web_ui.auth.accounts import Role
from web_ui.auth.login_pages import render_page
from web_ui.kiosk.api.routes import open_streams
from web_ui.kiosk.pages.admin import support_bundle
from web_ui.kiosk.pages.kiosk_view import kiosk_view

support_page = Blueprint("support", __name__)


@support_page.post("/admin/bundle")
@access_control.require_role(Role.ADMIN)
def download() -> AnyResponse:
    """Pack it and send it."""
    try:
        packed = support_bundle.make_support_bundle(kiosk_view(), access_control.auth_context(), open_streams())
    except (ConfigError, OSError) as trouble:
        return render_page("support.html", error="bundle.trouble", said=str(trouble), code=500)
    access_control.write_audit("support bundle", "done", f"{len(packed)} bytes")
    name = f"kiosk-support-{datetime.now(UTC):%Y%m%d-%H%M%S}.zip"
    return Response(
        packed, mimetype="application/zip", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
