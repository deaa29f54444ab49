"""Three RabbitMQ nodes with the shipped configuration, each on a machine of its own."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import mqtt.broker.rabbitmq
from mqtt.broker.certificates import CertificateAuthority, CertificateUse
from mqtt.broker.rabbitmq.definitions import definitions
from mqtt.connection import BrokerEndpoint
from tests.system.brokers.machine import Machine
from tests.system.brokers.network import ClusterNetwork

SHIPPED = Path(mqtt.broker.rabbitmq.__file__).parent
NODES = 3
COOKIE = "entranceentranceentrance"


class Node(Machine):
    """One broker. Its folder holds what a machine of its own would have in /etc/rabbitmq and /var/lib/rabbitmq."""

    def __init__(self, number: int, folder: Path, authority: Path, network: ClusterNetwork) -> None:
        super().__init__(number, folder, network, "rabbitmq")
        self._old_log = 0
        settings, data, log = (self.folder / name for name in ("etc", "lib", "log"))
        for each in (settings / "entrance", data, log):
            each.mkdir(parents=True)
        for name in ("rabbitmq.conf", "enabled_plugins"):
            shutil.copy(SHIPPED / name, settings)
        shutil.copy(authority / "definitions.json", settings)
        for name in ("ca.pem", "broker.pem", "broker.key"):
            shutil.copy(authority / name, settings / "entrance" / name)
        cookie = data / ".erlang.cookie"
        cookie.write_text(COOKIE, encoding="utf-8")
        cookie.chmod(0o400)
        self.own_files()

    def _command(self, program: str, *arguments: str) -> list[str]:
        environment = {
            "PATH": "/usr/lib/rabbitmq/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": "/var/lib/rabbitmq",
            "RABBITMQ_NODENAME": f"rabbit@{self.name}",
        }
        binds = {
            "/etc/rabbitmq": self.folder / "etc",
            "/var/lib/rabbitmq": self.folder / "lib",
            "/var/log/rabbitmq": self.folder / "log",
        }
        return self.command([f"/usr/lib/rabbitmq/bin/{program}", *arguments], binds, environment)

    def start(self) -> None:
        """Start it. It may not be ready yet."""
        self._old_log = len(self._log())
        self.start_program(self._command("rabbitmq-server"))

    def wait_until_ready(self) -> None:
        """It has joined the cluster, and accepts MQTT."""
        self.wait_until(lambda: "Server startup complete" in self._log()[self._old_log :], self.output)

    def output(self) -> str:
        """Its log since the last start."""
        return self._log()[self._old_log :] + (self.folder / "output").read_text(errors="replace")[-2000:]

    def _log(self) -> str:
        return "".join(path.read_text(errors="replace") for path in sorted((self.folder / "log").glob("*.log")))

    def ctl(self, *arguments: str) -> str:
        """`rabbitmqctl` on this node."""
        command = self._command("rabbitmqctl", "--quiet", *arguments)
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, f"rabbitmqctl {arguments[0]}: {done.stdout}{done.stderr}"
        return done.stdout


class RabbitMqCluster:
    """`with RabbitMqCluster(folder, authority, users) as cluster:` starts three nodes, and ends them all."""

    def __init__(self, folder: Path, authority: CertificateAuthority, users: Sequence[str]) -> None:
        """`authority` has issued the clients' certificates. `users`: the DNS names in them."""
        self.network = ClusterNetwork(NODES)
        self.authority = authority
        authority.issue("broker", CertificateUse.SERVER, datetime.now(UTC), 30, self.network.addresses)
        content = json.dumps(definitions(users))
        (authority.folder / "definitions.json").write_text(content, encoding="utf-8")
        self.nodes = [Node(number, folder, authority.folder, self.network) for number in range(1, NODES + 1)]

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.network)
            stack.callback(self._kill_all)
            for node in self.nodes:
                node.start()
            for node in self.nodes:
                node.wait_until_ready()
            self._stack = stack.pop_all()
        return self

    def _kill_all(self) -> None:
        for node in self.nodes:
            if node.is_running:
                node.kill()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def allow(self, users: Sequence[str]) -> None:
        """Add users while the cluster runs."""
        node = self.nodes[0]
        place = node.folder / "etc/more.json"
        place.write_text(json.dumps(definitions(users)), encoding="utf-8")
        node.ctl("import_definitions", "/etc/rabbitmq/more.json")

    def endpoints(self, name: str) -> list[BrokerEndpoint]:
        """All nodes, for the holder of a certificate (`SITE.DEVICE` or `centre`)."""
        folder = self.authority.folder
        return [
            BrokerEndpoint(
                node.address,
                8883,
                tls=True,
                ca_path=folder / "ca.pem",
                certificate_path=folder / f"{name}.pem",
                key_path=folder / f"{name}.key",
            )
            for node in self.nodes
        ]
