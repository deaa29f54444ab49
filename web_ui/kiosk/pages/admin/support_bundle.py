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

from kiosk.config import effective
from kiosk.config.effective import Setting
from kiosk.system import logs
from web_ui.auth.access_control import Office
from web_ui.kiosk.api import metrics
from web_ui.kiosk.pages.admin.configuration import from_file
from web_ui.kiosk.pages.kiosk_view import Lookout

AUDIT_LINES = 500
PROC_FILES = ("loadavg", "meminfo", "uptime")


def make(eyes: Lookout, office: Office, streams: int) -> bytes:
    """The ZIP file's bytes. No passage, pseudonym or secret is in it: counts, settings, versions, and what was done."""
    now, truth, run_dir = datetime.now(UTC), eyes.truth(), eyes.settings.run_dir
    day = eyes.history.day(now)
    hours = [(hour.begins_at.isoformat(), dict(hour.outcomes)) for hour in day.hours] if day else []
    files: dict[str, str | bytes] = {
        "about.txt": _about(now, truth.state),
        "status.json": _json(asdict(truth.status) if truth.status else None),
        "metrics.txt": metrics.exposition(truth, streams, now),
        "hours.json": _json(hours),
        "settings.txt": _settings(eyes.settings.config_path, effective.read(run_dir)),
        "audit.json": _json([asdict(entry) for entry in office.audit.last(AUDIT_LINES)]),
        "log.txt": "".join(f"{line.at} {line.level} {line.where}: {line.text}\n" for line in logs.last(run_dir)),
        "packages.txt": "\n".join(sorted(f"{each.name} {each.version}" for each in distributions())),
        **{f"{name}.txt": _proc(name) for name in PROC_FILES},
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, text in files.items():
            bundle.writestr(name, text)
    return packed.getvalue()


def _about(now: datetime, state: str) -> str:
    return f"made {now.isoformat(timespec='seconds')}\nstate {state}\n{platform.platform()}\npython {platform.python_version()}\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)


def _settings(path: Path | None, ruling: Sequence[Setting] | None) -> str:
    if path is None and not ruling:
        return "without a configuration file\n"
    return "".join(f"{name} = {value}  ({source})\n" for name, value, source in ruling or from_file(path))


def _proc(name: str) -> str:
    try:
        return Path("/proc", name).read_text(encoding="ascii")
    except OSError as trouble:  # systemd's ProcSubset=pid hides it
        return f"cannot be read: {trouble.strerror}\n"
