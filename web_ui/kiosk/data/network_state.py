"""The network of this machine as the kernel shows it: interfaces, addresses, and the names under which others reach it."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kiosk.system.machine_identity import lan_address

SYSFS_NET = Path("/sys/class/net")
WIRELESS_FILE = Path("/proc/net/wireless")
ETHERNET = "1"
"""ARPHRD_ETHER of linux/if_arp.h: cables and Wi-Fi, but neither loopback nor tunnels."""


@dataclass(frozen=True, slots=True)
class Interface:
    """One network interface."""

    name: str
    wireless: bool
    up: bool
    """It has a link: a cable with a peer, or a Wi-Fi that it joined."""
    signal_percent: int | None = None
    """Of a Wi-Fi that it joined."""


@dataclass(frozen=True, slots=True)
class NetworkState:
    """Names and interfaces."""

    host_name: str
    address: str
    """IPv4 address in the local network. Empty without one."""
    interfaces: tuple[Interface, ...]

    @property
    def mdns_name(self) -> str:
        """The name under which phones and computers find this machine without a server, if avahi runs here (RFC 6762)."""
        return f"{self.host_name.split('.')[0]}.local"


def read_network_state(sysfs: Path = SYSFS_NET, wireless: Path = WIRELESS_FILE) -> NetworkState:
    """The present state. Never raises: what cannot be read is left out."""
    signals = _wireless_signals(wireless)
    return NetworkState(socket.gethostname(), lan_address(), tuple(_interfaces(sysfs, signals)))


def _interfaces(sysfs: Path, signals: dict[str, int]) -> Iterator[Interface]:
    folders = sorted(sysfs.iterdir()) if sysfs.is_dir() else []
    for folder in folders:
        if _read(folder / "type") == ETHERNET and (folder / "device").exists():  # a bridge of software has no device
            name, up = folder.name, _read(folder / "operstate") == "up"
            is_wireless = (folder / "wireless").exists() or (folder / "phy80211").exists()
            yield Interface(name, is_wireless, up, signals.get(name) if up else None)


def _wireless_signals(path: Path) -> dict[str, int]:
    """Interface -> link quality of 70, as percent (Documentation of proc(5), /proc/net/wireless)."""
    found = {}
    for line in _read(path).splitlines()[2:]:
        name, _, values = line.strip().partition(":")
        parts = values.split()
        if len(parts) >= 2 and parts[1].rstrip(".").isdecimal():
            found[name] = min(100, round(100 * int(parts[1].rstrip(".")) / 70))
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
