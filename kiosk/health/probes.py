"""Probes of the machine: each reads one file or makes one system call. None if the machine has no such value."""

import contextlib
import os
from pathlib import Path

_SYS, _PROC = Path("/sys"), Path("/proc")


def probe_disk_free_bytes(path: Path) -> int | None:
    """Bytes that an unprivileged process may still write on the file system of `path`, which need not exist."""
    for folder in (path, *path.parents):
        with contextlib.suppress(OSError):
            found = os.statvfs(folder)
            return found.f_bavail * found.f_frsize
    return None


def probe_read_only(path: Path, proc: Path = _PROC) -> bool:
    """True if the file system of `path` is read-only. The kernel makes an SD card with errors read-only.

    From Linux 6.14 on, ext4 keeps its mount option `rw` in this case, so statvfs(3) reports a writable file system.
    It sets the option `emergency_ro` instead.
    """
    with contextlib.suppress(OSError):
        if os.statvfs(path.parent).f_flag & os.ST_RDONLY:
            return True
        device = path.parent.stat().st_dev
        name = f"{os.major(device)}:{os.minor(device)}"
        lines = (proc / "self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return any(line.split()[2] == name and "emergency_ro" in line.split()[-1].split(",") for line in lines)
    return False


def probe_port_listening(port: int, proc: Path = _PROC) -> bool | None:
    """True if a program on this machine listens on a TCP port. Reads proc_net(5), state 0A, and makes no connection."""
    found = None
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            lines = (proc / "net" / name).read_text(encoding="ascii").splitlines()[1:]
            found = bool(found) or any(_is_listening(line.split(), port) for line in lines)
    return found


def _is_listening(fields: list[str], port: int) -> bool:
    return len(fields) > 3 and fields[3] == "0A" and fields[1].rpartition(":")[2] == f"{port:04X}"


def probe_temperature_c(sys: Path = _SYS) -> float | None:
    """Temperature of the processor: the first thermal zone of the kernel, on a Raspberry Pi `cpu-thermal`."""
    millidegrees = _read_integer(sys / "class/thermal/thermal_zone0/temp")
    return None if millidegrees is None else millidegrees / 1000


def probe_under_voltage(sys: Path = _SYS) -> bool | None:
    """Alarm of the kernel driver raspberrypi-hwmon. It needs no access to the mailbox interface of the firmware."""
    for name in sorted((sys / "class/hwmon").glob("hwmon*/name")):
        with contextlib.suppress(OSError):
            if name.read_text(encoding="ascii").strip() == "rpi_volt":
                alarm = _read_integer(name.parent / "in0_lcrit_alarm")
                return None if alarm is None else alarm != 0
    return None


def _read_integer(path: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text(encoding="ascii").strip())
    return None
