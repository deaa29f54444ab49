"""The support bundle as a download, for the administrator."""

from datetime import UTC, datetime

from flask import Blueprint, Response
from werkzeug.wrappers import Response as AnyResponse

from kiosk.config import ConfigTrouble
from web_ui import bundle, office
from web_ui.accounts import Role
from web_ui.login_pages import page
from web_ui.lookout import lookout
from web_ui.machines import streams

support_page = Blueprint("support", __name__)


@support_page.post("/admin/bundle")
@office.needs(Role.ADMIN)
def download() -> AnyResponse:
    """Pack it and send it."""
    try:
        packed = bundle.make(lookout(), office.office(), streams())
    except (ConfigTrouble, OSError) as trouble:
        return page("support.html", error="bundle.trouble", said=str(trouble), code=500)
    office.note("support bundle", "done", f"{len(packed)} bytes")
    name = f"kiosk-support-{datetime.now(UTC):%Y%m%d-%H%M%S}.zip"
    return Response(
        packed, mimetype="application/zip", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
