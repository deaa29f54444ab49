"""The support bundle: one ZIP file for remote support, without personal data."""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from flask import Blueprint, Response
from werkzeug.wrappers import Response as AnyResponse

from kiosk.config.effective import EffectiveSetting, read_effective_settings
from kiosk.config.loader import ConfigError
from kiosk.system import support_files
from web_ui.auth import access_control
from web_ui.auth.access_control import AuthContext
from web_ui.auth.accounts import Role
from web_ui.kiosk.api import metrics
from web_ui.kiosk.api.routes import open_streams
from web_ui.kiosk.pages.admin.configuration import settings_from_file
from web_ui.kiosk.pages.kiosk_view import KioskView, kiosk_view

support_page = Blueprint("support", __name__)

MAX_AUDIT_LINES = 500


@support_page.post("/admin/support-bundle")
@access_control.require_role(Role.ADMIN)
def download() -> AnyResponse:
    """The support bundle as a download."""
    access_control.write_audit("download-support-bundle", "requested")
    packed = make_support_bundle(kiosk_view(), access_control.auth_context(), open_streams())
    access_control.write_audit_result("download-support-bundle", "done", f"{len(packed)} bytes")
    name = f"kiosk-support-{datetime.now(UTC):%Y%m%d-%H%M%S}.zip"
    return Response(
        packed, mimetype="application/zip", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def make_support_bundle(view: KioskView, auth: AuthContext, streams: int) -> bytes:
    """The bytes of the ZIP file: counts, settings, versions and logs. It contains no event, no pseudonym and no secret."""
    now, daemon, run_dir = datetime.now(UTC), view.daemon_status(), view.settings.run_dir
    day = view.hourly_counts.last_day(now)
    hours = [(hour.start_at.isoformat(), dict(hour.outcomes)) for hour in day.hours] if day else []
    files: dict[str, str | bytes] = {
        "about.txt": _about(now, daemon.state),
        "status.json": _to_json(asdict(daemon.status) if daemon.status else None),
        "metrics.txt": metrics.metrics_text(daemon, streams, now),
        "hours.json": _to_json(hours),
        "settings.txt": _settings_text(view.settings.config_path, read_effective_settings(run_dir)),
        "audit.json": _to_json(
            [asdict(replace(entry, name="")) for entry in islice(auth.audit_log.entries(), MAX_AUDIT_LINES)]
        ),
        **support_files.common_files(run_dir),
    }
    return support_files.pack(files)


def _about(now: datetime, state: str) -> str:
    return f"made {now.isoformat(timespec='seconds')}\nstate {state}\n{platform.platform()}\npython {platform.python_version()}\n"


def _to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)


def _settings_text(path: Path | None, effective: Sequence[EffectiveSetting] | None) -> str:
    if path is None and not effective:
        return "without a configuration file\n"
    try:
        settings = effective or settings_from_file(path)
    except (ConfigError, OSError) as error:  # a broken file is a reason for support
        return f"{path} cannot be used: {error}\n"
    return "".join(f"{name} = {value}  ({source})\n" for name, value, source in settings)
