"""Machines of a broker cluster: network namespaces on one bridge, each with an address of its own. Needs root and iproute2."""

import os
import subprocess
from types import TracebackType
from typing import Self


class ClusterNetwork:
    """`with ClusterNetwork(3) as network:` makes the addresses, and removes them all."""

    def __init__(self, count: int) -> None:
        number = os.getpid() % 250 + 1
        self._bridge = f"ekbridge{number}"
        self._subnet = f"10.213.{number}"
        self.addresses = [f"{self._subnet}.{10 + machine}" for machine in range(1, count + 1)]
        self.namespaces = [f"ekbroker{number}-{machine}" for machine in range(1, count + 1)]

    def __enter__(self) -> Self:
        self._remove()  # of a run that was killed
        _ip("link", "add", self._bridge, "type", "bridge")
        _ip("address", "add", f"{self._subnet}.1/24", "dev", self._bridge)
        _ip("link", "set", self._bridge, "up")
        for address, namespace in zip(self.addresses, self.namespaces, strict=True):
            outside = self._outside(address)
            _ip("netns", "add", namespace)
            _ip("link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", namespace)
            _ip("link", "set", outside, "master", self._bridge, "up")
            _ip("-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
            for device in ("eth0", "lo"):
                _ip("-n", namespace, "link", "set", device, "up")
        return self

    def hosts(self) -> str:
        """/etc/hosts of every machine."""
        names = "".join(f"{address} broker-{number}\n" for number, address in enumerate(self.addresses, 1))
        return f"127.0.0.1 localhost\n{names}"

    def _outside(self, address: str) -> str:
        """The end of a machine's cable that is in the bridge."""
        return f"{self._bridge}v{address.rpartition('.')[2]}"

    def _remove(self) -> None:
        """A namespace ends with its last process, so its cable is removed by itself first."""
        cables = (["link", "delete", self._outside(address)] for address in self.addresses)
        namespaces = (["netns", "delete", one] for one in self.namespaces)
        for command in (*cables, *namespaces, ["link", "delete", self._bridge]):
            subprocess.run(["ip", *command], check=False, capture_output=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
