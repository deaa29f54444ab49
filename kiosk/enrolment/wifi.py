"""Joins the Wi-Fi network of an invitation through NetworkManager."""

import subprocess
from typing import Protocol

from kiosk.enrolment.invitation_code import WifiNetwork

CONNECTION = "entrance-kiosk"
"""Name of the connection in NetworkManager. A newer invitation replaces it."""
TIMEOUT_S = 60.0


class WifiError(Exception):
    """The network could not be joined. The text never holds its password."""


class WifiJoiner(Protocol):
    """Joins networks."""

    def join(self, network: WifiNetwork) -> None:
        """Join now, and after each restart. Blocks up to a minute. Raises WifiError."""


class NetworkManagerJoiner:
    """Implements WifiJoiner with nmcli. The password goes over standard input: arguments are visible to other processes."""

    def __init__(self, program: str = "nmcli") -> None:
        self._program = program

    def join(self, network: WifiNetwork) -> None:
        """See WifiJoiner."""
        self._run("connection", "delete", CONNECTION, may_fail=True)
        self._run(
            "connection", "add", "type", "wifi", "con-name", CONNECTION, "ifname", "*", "ssid", network.ssid,
            "connection.autoconnect", "yes",
        )  # fmt: skip
        if network.password:
            script = f"set wifi-sec.key-mgmt wpa-psk\nset wifi-sec.psk {network.password}\nsave persistent\nquit\n"
            self._run("connection", "edit", CONNECTION, script=script)
        self._run("connection", "up", CONNECTION)

    def _run(self, *arguments: str, script: str = "", may_fail: bool = False) -> None:
        try:
            ended = subprocess.run(
                [self._program, "--wait", "45", *arguments], input=script.encode(), capture_output=True,
                timeout=TIMEOUT_S, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise WifiError(f"nmcli: {type(error).__name__}") from error
        if ended.returncode and not may_fail:
            raise WifiError(f"nmcli connection {arguments[1]} ended with status {ended.returncode}")
