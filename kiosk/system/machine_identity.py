"""Which machine this is: its board, to notice a copied memory card, and its address, for people who open the pages."""

import contextlib
import socket
from pathlib import Path

MAX_CHARS = 64
_PERMANENT = "0"
"""addr_assign_type of an address that is burnt into the hardware (Documentation/ABI/testing/sysfs-class-net)."""


def read_board_id(sysfs: Path = Path("/sys")) -> str:
    """The serial number of the board, or the address of its lowest built-in network device. Empty: it has neither.

    A machine id will not do, because it is on the memory card. Never raises.
    """
    with contextlib.suppress(OSError):
        serial = (sysfs / "firmware/devicetree/base/serial-number").read_bytes()
        text = serial.rstrip(b"\0\n").decode("ascii", "replace").strip()
        if text.strip("0"):
            return f"serial {text}"[:MAX_CHARS]
    addresses = []
    with contextlib.suppress(OSError):
        for device in (sysfs / "class/net").iterdir():
            with contextlib.suppress(OSError, ValueError):
                addresses.append(_built_in_address(device))
    found = min((one for one in addresses if one), default=None)
    return f"network {found[1]}"[:MAX_CHARS] if found else ""


def _built_in_address(device: Path) -> tuple[int, str] | None:
    """Number and address of a network device. None: it has no hardware, no address of its own, or can be pulled out (USB)."""
    hardware = device / "device"
    if not hardware.exists() or "/usb" in str(hardware.resolve()):
        return None
    kind, address = ((device / name).read_text(encoding="ascii").strip() for name in ("addr_assign_type", "address"))
    if kind != _PERMANENT or not address.strip("0:"):
        return None
    return int((device / "ifindex").read_text(encoding="ascii")), address


ANY_NETWORK_TEST_ADDRESS = ("192.0.2.1", 9)
"""RFC 5737: no host has it. Looking up the way to it sends no packet."""
ALL_ADDRESSES = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  what `web.host` may say, not a listener
"""Listening address that stands for all addresses of the machine -> the address of the machine itself."""


def lan_address() -> str:
    """The IPv4 address that other machines reach this one by. Empty without a network. Never raises."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(ANY_NETWORK_TEST_ADDRESS)
        return str(probe.getsockname()[0])
    return ""


def page_url(host: str, port: int, *, secure: bool) -> str:
    """The address of the pages as a person types it on another machine. `host`: as the server listens."""
    shown = (lan_address() or ALL_ADDRESSES[host]) if host in ALL_ADDRESSES else host
    return f"http{'s' if secure else ''}://{f'[{shown}]' if ':' in shown else shown}:{port}/"
