"""The support bundle as a download, for the administrator."""

from datetime import UTC, datetime

from flask import Blueprint, Response
from werkzeug.wrappers import Response as AnyResponse

from kiosk.config import ConfigTrouble
from web_ui.auth import access_control
from web_ui.auth.accounts import Role
from web_ui.auth.login_pages import page
from web_ui.kiosk.api.routes import streams
from web_ui.kiosk.pages.admin import support_bundle
from web_ui.kiosk.pages.kiosk_view import lookout

support_page = Blueprint("support", __name__)


@support_page.post("/admin/bundle")
@access_control.needs(Role.ADMIN)
def download() -> AnyResponse:
    """Pack it and send it."""
    try:
        packed = support_bundle.make(lookout(), access_control.office(), streams())
    except (ConfigTrouble, OSError) as trouble:
        return page("support.html", error="bundle.trouble", said=str(trouble), code=500)
    access_control.note("support bundle", "done", f"{len(packed)} bytes")
    name = f"kiosk-support-{datetime.now(UTC):%Y%m%d-%H%M%S}.zip"
    return Response(
        packed, mimetype="application/zip", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
