"""Thin probes of the machine: one file or call each; None where the machine cannot tell."""

import contextlib
import os
from pathlib import Path

_SYS = Path("/sys")


def probe_disk_free_bytes(path: Path) -> int | None:
    """Bytes that an unprivileged process may still write where `path` is, or will be."""
    for folder in (path, *path.parents):
        with contextlib.suppress(OSError):
            found = os.statvfs(folder)
            return found.f_bavail * found.f_frsize
    return None


def probe_temperature_c(sys: Path = _SYS) -> float | None:
    """Of the processor: the kernel's first thermal zone, which on a Raspberry Pi is `cpu-thermal`."""
    millidegrees = _number(sys / "class/thermal/thermal_zone0/temp")
    return None if millidegrees is None else millidegrees / 1000


def probe_under_voltage(sys: Path = _SYS) -> bool | None:
    """The kernel's own alarm (driver raspberrypi-hwmon), so that no access to the firmware's mailbox is needed."""
    for name in sorted((sys / "class/hwmon").glob("hwmon*/name")):
        with contextlib.suppress(OSError):
            if name.read_text(encoding="ascii").strip() == "rpi_volt":
                alarm = _number(name.parent / "in0_lcrit_alarm")
                return None if alarm is None else alarm != 0
    return None


def _number(path: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text(encoding="ascii").strip())
    return None
