"""The support bundle: one ZIP file with what a helper far away needs, and nothing about any person."""

import io
import json
import platform
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path

from kiosk.config.effective import EffectiveSetting, read_effective_settings
from kiosk.system import logs
from web_ui.auth.access_control import AuthContext
from web_ui.kiosk.api import metrics
from web_ui.kiosk.pages.admin.configuration import settings_from_file
from web_ui.kiosk.pages.kiosk_view import KioskView

MAX_AUDIT_LINES = 500
PROC_FILES = ("loadavg", "meminfo", "uptime")


def make_support_bundle(kiosk_view: KioskView, auth: AuthContext, streams: int) -> bytes:
    """The ZIP file's bytes. No passage, pseudonym or secret is in it: counts, settings, versions, and what was done."""
    now, truth, run_dir = datetime.now(UTC), kiosk_view.daemon_status(), kiosk_view.settings.run_dir
    day = kiosk_view.hourly_counts.last_day(now)
    hours = [(hour.start_at.isoformat(), dict(hour.outcomes)) for hour in day.hours] if day else []
    files: dict[str, str | bytes] = {
        "about.txt": _about(now, truth.state),
        "status.json": _to_json(asdict(truth.status) if truth.status else None),
        "metrics.txt": metrics.metrics_text(truth, streams, now),
        "hours.json": _to_json(hours),
        "settings.txt": _settings_text(kiosk_view.settings.config_path, read_effective_settings(run_dir)),
        "audit.json": _to_json([asdict(entry) for entry in auth.audit_log.newest(MAX_AUDIT_LINES)]),
        "log.txt": "".join(
            f"{line.at} {line.level} {line.logger}: {line.text}\n" for line in logs.read_log_tail(run_dir)
        ),
        "packages.txt": "\n".join(sorted(f"{each.name} {each.version}" for each in distributions())),
        **{f"{name}.txt": _read_proc_file(name) for name in PROC_FILES},
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, text in files.items():
            bundle.writestr(name, text)
    return packed.getvalue()


def _about(now: datetime, state: str) -> str:
    return f"made {now.isoformat(timespec='seconds')}\nstate {state}\n{platform.platform()}\npython {platform.python_version()}\n"


def _to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)


def _settings_text(path: Path | None, effective: Sequence[EffectiveSetting] | None) -> str:
    if path is None and not effective:
        return "without a configuration file\n"
    return "".join(f"{name} = {value}  ({source})\n" for name, value, source in effective or settings_from_file(path))


def _read_proc_file(name: str) -> str:
    try:
        return Path("/proc", name).read_text(encoding="ascii")
    except OSError as trouble:  # systemd's ProcSubset=pid hides it
        return f"cannot be read: {trouble.strerror}\n"
