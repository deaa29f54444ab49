"""The acceptance report as text and as JSON: one line per step, no personal data."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from kiosk import config
from kiosk.cli.acceptance.context import StepResult, StepStatus
from kiosk.system.translations import in_all_languages

WATCHDOG = "watchdog"
STEP_NAMES = (
    "board",
    "firmware",
    "ready",
    "timings",
    "focus-near",
    "focus-far",
    "exposure-bright",
    "exposure-dim",
    "lamps",
    "covered-lens",
    "noise",
    "button",
    "relay-after-kill",
    "network",
    WATCHDOG,
)
"""In the order of the report."""


def report_paths(folder: Path, settings: config.Settings) -> tuple[Path, Path]:
    """The report as JSON and as text."""
    name = f"acceptance-{settings.site.site}-{settings.site.device}"
    return folder / f"{name}.json", folder / f"{name}.txt"


def read_report(folder: Path, settings: config.Settings) -> dict[str, StepResult]:
    """Results of an earlier report by name. Empty if there is none or it is invalid."""
    try:
        found = json.loads(report_paths(folder, settings)[0].read_text(encoding="utf-8"))
        rows = [StepResult(str(row["name"]), StepStatus(row["status"]), str(row["detail"])) for row in found["results"]]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {row.name: row for row in rows if row.name in STEP_NAMES}


def write_report(results: Iterable[StepResult], folder: Path, settings: config.Settings, now_at: datetime) -> None:
    """Write both files. Raises OSError."""
    rows = sorted(results, key=lambda result: STEP_NAMES.index(result.name))
    as_json, as_text = report_paths(folder, settings)
    head = {
        "site": settings.site.site,
        "device": settings.site.device,
        "version": version("entrance-kiosk"),
        "at": now_at.isoformat(timespec="seconds"),
    }
    as_json.write_text(
        json.dumps({**head, "results": [asdict(row) for row in rows]}, ensure_ascii=False, indent=1) + "\n",
        encoding="utf-8",
    )
    lines = [f"entrance-kiosk {head['version']}, {head['site']}/{head['device']}, {head['at']}", ""]
    lines += [f"{_all(f'acceptance.status.{row.status}'):<18} {_title(row)}" for row in rows]
    as_text.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _title(row: StepResult) -> str:
    return f"{_all(f'acceptance.name.{row.name}')}: {row.detail}"


def _all(msgid: str) -> str:
    return " / ".join(in_all_languages(msgid))
