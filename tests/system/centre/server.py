"""A server on which a centre is installed, set up and asked, as its administrator does."""

import json
import shlex
from typing import Any

from tests.system.container.container import Container, until

PASSWORD = "mot-mat-khau-dai"
OFFLINE = "/media/keys"
UNITS = (
    "entrance-broker",
    "entrance-centre",
    "entrance-centre-web",
    "entrance-centre-alerts",
    "entrance-centre-enrolment",
)
DELIVERED_S = 120.0


class Server:
    """Commands in the container."""

    def __init__(self, container: Container, key: str) -> None:
        """`key`: fingerprint of the key that signed the bundle."""
        self.container = container
        self.key = key
        self.commands = 0
        """How many an administrator would have typed."""

    def type(self, line: str, *, check: bool = True) -> str:
        """One line of a shell, as the administrator types it. Returns all that it printed."""
        self.commands += 1
        return self.look(line, check=check)

    def look(self, line: str, *, check: bool = True) -> str:
        """A line that only the test needs."""
        done = self.container.run("sh", "-c", f"exec 2>&1; cd /root; {line}", check=False)
        if check and done.returncode:
            said = self.container.run("journalctl", "-b", "-n", "80", "--no-pager", check=False).stdout
            raise AssertionError(f"{line}: status {done.returncode}\n{done.stdout}\n{said}")
        return done.stdout

    def state(self, unit: str) -> str:
        """active, inactive, failed ..."""
        return self.look(f"systemctl is-active {unit}", check=False).strip()

    def wait_until_active(self, unit: str) -> None:
        """At most a minute."""
        until(f"{unit} runs", lambda: self.state(unit) == "active", 60)

    def property(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.look(f"systemctl show --value -p {name} {unit}").strip()

    def streams(self, *options: str) -> list[dict[str, Any]]:
        """What the centre has of each device."""
        said = self.look(f"kiosk centre {' '.join(options)} status --all --json", check=False)
        return [json.loads(line) for line in said.splitlines() if line.startswith("{")]

    def start_gate(self) -> None:
        """A kiosk with a synthetic camera, which people pass at once."""
        lines = "[Service]", "WorkingDirectory=/root/gate", "ExecStart=/usr/bin/kiosk run --config kiosk.toml"
        self.look(f"printf '%s\\n' {' '.join(map(shlex.quote, lines))} > /etc/systemd/system/gate.service")
        self.look("systemctl daemon-reload; systemctl start gate")

    def wait_for_events(self, count: int) -> dict[str, Any]:
        """Until the centre has so many events of the gate, without a gap."""

        def ask() -> dict[str, Any] | None:
            for device in self.streams():
                stream = device["streams"][0] if device["streams"] else {}
                if stream and not stream["missing"] and stream["up_to_seq"] >= count:
                    return device
            return None

        try:
            found: dict[str, Any] = until(f"{count} events of the gate at the centre", ask, DELIVERED_S)
        except AssertionError as error:
            log = self.look("kiosk centre status --all; journalctl -n 60 --no-pager", check=False)
            raise AssertionError(f"{error}\n{log}") from error
        return found

    def stop_gate(self) -> None:
        """Ends it in an orderly way."""
        self.look("systemctl stop gate")
