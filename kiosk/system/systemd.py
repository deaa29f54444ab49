"""The interface to systemd: notifications (sd_notify(3)) and credentials (LoadCredential=). Does nothing without systemd."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path

PRIVATE_KEY_FOLDER = "private"
"""Folder of the private keys beside the configuration: /etc/entrance-kiosk/private, readable by root only."""


def credential_path(path: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """Where to read a private key that the configuration names.

    Under systemd it is the copy in memory: of a folder loaded as `private`, the file NAME appears as `private_NAME` in
    $CREDENTIALS_DIRECTORY, readable by this unit alone (systemd.exec(5), "Credentials"). Otherwise it is the path itself.
    """
    folder = environment.get("CREDENTIALS_DIRECTORY")
    if not folder or path.parent.name != PRIVATE_KEY_FOLDER:
        return path
    given = Path(folder) / f"{PRIVATE_KEY_FOLDER}_{path.name}"
    return given if given.exists() else path


class SystemdNotifier:
    """Sends to the socket in $NOTIFY_SOCKET. Any thread. Without this variable all calls do nothing."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """Reads NOTIFY_SOCKET (a path, or `@name` for an abstract socket) and WATCHDOG_USEC once."""
        name = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        usec = environment.get("WATCHDOG_USEC", "")
        mine = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._watchdog_timeout_s = int(usec) / 1_000_000 if usec.isdecimal() and mine else None

    @property
    def is_enabled(self) -> bool:
        """Whether systemd expects notifications."""
        return bool(self._address)

    @property
    def watchdog_timeout_s(self) -> float | None:
        """systemd kills a process that sends no watchdog ping for this long. None: no watchdog."""
        return self._watchdog_timeout_s

    def notify_ready(self, status: str) -> bool:
        """Startup is complete (Type=notify)."""
        return self._send("READY=1", f"STATUS={_line(status)}")

    def ping_watchdog(self) -> bool:
        """Send a watchdog ping."""
        return self._send("WATCHDOG=1")

    def set_status(self, text: str) -> bool:
        """One line for `systemctl status`."""
        return self._send(f"STATUS={_line(text)}")

    def notify_stopping(self) -> bool:
        """A clean stop has begun."""
        return self._send("STOPPING=1")

    def _send(self, *lines: str) -> bool:
        """True if the message was sent. A lost message is not an error (sd_notify(3))."""
        if not self._address:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.connect(self._address)
                sender.sendall("\n".join(lines).encode("utf-8"))
        except OSError:
            return False
        return True


def _line(text: str) -> str:
    return " ".join(text.split())
