"""What every support bundle contains: log lines, versions and values of the kernel. No personal data."""

import io
import zipfile
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path

from kiosk.system import logs

PROC_FILES = ("loadavg", "meminfo", "uptime")


def common_files(run_dir: Path) -> dict[str, str]:
    """Name and text of each file."""
    return {
        "log.txt": "".join(map(format_line, logs.read_log_tail(run_dir))),
        "packages.txt": "\n".join(sorted(f"{each.name} {each.version}" for each in distributions())),
        **{f"{name}.txt": _read_proc_file(name) for name in PROC_FILES},
    }


def format_line(line: logs.LogLine) -> str:
    """A line of the log as text."""
    return f"{line.at} {line.level} {line.logger}: {line.text}\n"


def pack(files: Mapping[str, str | bytes]) -> bytes:
    """A ZIP file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, text in files.items():
            bundle.writestr(name, text)
    return packed.getvalue()


def _read_proc_file(name: str) -> str:
    try:
        return Path("/proc", name).read_text(encoding="ascii")
    except OSError as error:  # systemd's ProcSubset=pid hides it
        return f"cannot be read: {error.strerror}\n"
