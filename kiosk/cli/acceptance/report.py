"""The report of an acceptance: one line a step, for people and for programs, without data about persons."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from kiosk import config
from kiosk.cli.acceptance.context import StepResult, StepStatus

WATCHDOG = "watchdog"
STATUS_LABELS = {
    StepStatus.PASSED: ("passed", "đạt", "green"),
    StepStatus.FAILED: ("FAILED", "KHÔNG ĐẠT", "red"),
    StepStatus.PENDING: ("pending", "chưa làm", "yellow"),
}
STEP_LABELS = {
    "board": ("bo mạch và nhân hệ điều hành", "board and vendor kernel"),
    "firmware": ("cấu hình phần cứng", "firmware settings and overlays"),
    "ready": ("tự kiểm tra", "self-check"),
    "timings": ("thời gian khởi động", "real timings"),
    "focus-near": ("lấy nét gần", "focus, near"),
    "focus-far": ("lấy nét xa", "focus, far"),
    "exposure-bright": ("phơi sáng khi chói", "exposure, bright"),
    "exposure-dim": ("phơi sáng khi tối", "exposure, dim"),
    "lamps": ("đèn và còi", "lamps and buzzer"),
    "covered-lens": ("che ống kính", "covered lens"),
    "noise": ("nhiễu ở nút nhấn", "pull-ups and noise"),
    "button": ("nút nhấn", "button"),
    "relay-after-kill": ("rơ-le sau khi bị ngắt", "relay after kill"),
    "network": ("mạng", "Wi-Fi"),
    WATCHDOG: ("bộ canh giờ của bo mạch", "hardware watchdog"),
}


def report_paths(folder: Path, settings: config.Settings) -> tuple[Path, Path]:
    """The report as JSON and as text."""
    name = f"acceptance-{settings.site.site}-{settings.site.device}"
    return folder / f"{name}.json", folder / f"{name}.txt"


def read_report(folder: Path, settings: config.Settings) -> dict[str, StepResult]:
    """The results of an earlier report; empty where there is none or it cannot be read."""
    try:
        found = json.loads(report_paths(folder, settings)[0].read_text(encoding="utf-8"))
        rows = [
            StepResult(str(row["name"]), StepStatus(row["status"]), str(row["detail"])) for row in found["results"]
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {row.name: row for row in rows if row.name in STEP_LABELS}


def write_report(results: Iterable[StepResult], folder: Path, settings: config.Settings, now_at: datetime) -> None:
    """Write both reports; raises OSError where the folder cannot be written."""
    rows = sorted(results, key=lambda result: list(STEP_LABELS).index(result.name))
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
    lines += [
        f"{STATUS_LABELS[row.status][1]:<10} {STATUS_LABELS[row.status][0]:<7} {STEP_LABELS[row.name][0]} / {STEP_LABELS[row.name][1]}: {row.detail}"
        for row in rows
    ]
    as_text.write_text("\n".join(lines) + "\n", encoding="utf-8")
