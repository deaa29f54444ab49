"""The device for the administrator: network, time, restart, and a download of its configuration."""

from datetime import datetime
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.app import control_socket
from kiosk.config.effective import read_effective_settings
from kiosk.system import support_files
from web_ui.auth import access_control
from web_ui.auth.accounts import Role
from web_ui.i18n import request_locale
from web_ui.kiosk.data.network_state import read_network_state
from web_ui.kiosk.pages.command_client import submit_command
from web_ui.kiosk.pages.kiosk_view import kiosk_view
from web_ui.kiosk.pages.rendering import render_page

device_page = Blueprint("device", __name__, url_prefix="/admin/device")

READ_ME = """\
kiosk.toml: the configuration file of this gate. settings.txt: every value that was in force.
To use it on a new board: copy kiosk.toml to /etc/entrance-kiosk, type sudo kiosk check-config, and enrol the board.
It has no keys, no passwords, no PINs and no records. Keys never leave a device, and records are at the centre.

kiosk.toml: tệp cấu hình của cổng này. settings.txt: mọi giá trị đang dùng.
Để dùng trên máy mới: chép kiosk.toml vào /etc/entrance-kiosk, gõ sudo kiosk check-config, rồi đăng ký máy với trung tâm.
Tệp không có khóa, mật khẩu, mã PIN hay bản ghi. Khóa không rời khỏi máy, bản ghi ở trung tâm.
"""


@device_page.get("")
@access_control.require_role(Role.ADMIN)
def device() -> AnyResponse:
    """Network, time and actions."""
    return _page()


@device_page.post("/restart")
@access_control.require_role(Role.ADMIN)
def restart() -> AnyResponse:
    """Start the daemon again."""
    given = submit_command(control_socket.RestartCommand())
    return _page(given.error, message=given.message, code=502) if given.error else _page(done="device.restart.done")


@device_page.post("/backup")
@access_control.require_role(Role.ADMIN)
def backup() -> AnyResponse:
    """The configuration as a ZIP file, without keys and secrets."""
    settings = kiosk_view().settings
    try:
        text = settings.config_path.read_text(encoding="utf-8", errors="replace") if settings.config_path else ""
    except OSError:
        abort(503)
    access_control.write_audit("download-backup", "done")
    in_force = read_effective_settings(settings.run_dir) or ()
    lines = "".join(f"{each.name} = {each.value}  # {each.source}\n" for each in in_force)
    files = {"READ-ME.txt": READ_ME, "kiosk.toml": text, "settings.txt": lines}
    name = f"kiosk-configuration-{datetime.now(settings.zone):%Y%m%d-%H%M}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(support_files.pack(files), mimetype="application/zip", headers=headers)


def _page(error: str = "", *, message: str = "", done: str = "", code: int = 200) -> AnyResponse:
    view = kiosk_view()
    formatter, daemon = view.formatter(request_locale.request_language()), view.daemon_status()
    network = read_network_state()
    here = urlsplit(request.host_url)
    port = f":{here.port}" if here.port else ""
    return render_page(
        "device.html",
        network=network,
        address=f"{here.scheme}://{network.mdns_name}{port}/",
        now=formatter.date_time(view.now()),
        zone=str(view.settings.zone),
        clock=daemon.status.clock_quality if daemon.online and daemon.status else "",
        uplink=daemon.status.uplink if daemon.online and daemon.status else None,
        error=error,
        message=message,
        done=done,
        code=code,
    )
