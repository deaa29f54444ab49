"""Three NATS servers with JetStream and MQTT 3.1.1, each on a machine of its own. Without TLS: no such configuration is shipped."""

import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from mqtt.connection import BrokerEndpoint
from tests.system.brokers.machine import Machine
from tests.system.brokers.network import ClusterNetwork

NODES = 3
CONFIGURATION = """\
server_name: {name}
listen: 127.0.0.1:4222
http: 0.0.0.0:8222
jetstream {{ store_dir: /mnt }}
cluster {{
    name: entrance
    listen: 0.0.0.0:6222
    routes: [nats://broker-1:6222, nats://broker-2:6222, nats://broker-3:6222]
}}
mqtt {{ listen: 0.0.0.0:1883, stream_replicas: 3, max_ack_pending: 1000 }}
"""


class NatsNode(Machine):
    """One server."""

    def __init__(self, number: int, folder: Path, network: ClusterNetwork) -> None:
        super().__init__(number, folder, network, "nats")
        (self.folder / "data").mkdir()
        (self.folder / "nats.conf").write_text(CONFIGURATION.format(name=self.name), encoding="utf-8")
        self.own_files()

    def start(self) -> None:
        """Start it. It may not be ready yet."""
        binds = {"/etc/nats-server.conf": self.folder / "nats.conf", "/mnt": self.folder / "data"}
        program = ["/usr/sbin/nats-server", "--config", "/etc/nats-server.conf"]
        self.start_program(self.command(program, binds, {"PATH": "/usr/sbin:/usr/bin"}))

    def wait_until_ready(self) -> None:
        """It has joined the cluster, and a leader is known."""
        self.wait_until(self._is_healthy, self.output)

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}:8222/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def output(self) -> str:
        """Its log."""
        return (self.folder / "output").read_text(errors="replace")


class NatsCluster:
    """`with NatsCluster(folder) as cluster:` starts three servers, and ends them all."""

    def __init__(self, folder: Path) -> None:
        self.network = ClusterNetwork(NODES)
        self.nodes = [NatsNode(number, folder, self.network) for number in range(1, NODES + 1)]

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

    def endpoints(self, _name: str) -> list[BrokerEndpoint]:
        """All servers."""
        return [BrokerEndpoint(node.address, 1883, "3.1.1") for node in self.nodes]
