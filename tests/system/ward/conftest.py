"""Three machines with nothing but Debian, on one network. The folder of `make bundle` is on a stick in each of them."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from kiosk.installer.bundle import repository
from kiosk.installer.bundle.build import build_bundle
from tests.paths import PROJECT
from tests.system.brokers.network import ClusterNetwork
from tests.system.centre.root import ready_root as centre_root
from tests.system.container import mounts, requirements
from tests.system.container.container import Container, alone
from tests.system.container.control_groups import Groups
from tests.system.container.disk import Disk
from tests.system.install import machines as install_machines
from tests.system.install.root import ready_root as gate_root
from tests.system.ward.machines import CENTRE_HOST, Gate, WardMachine

RESULTS = PROJECT / "build/system-tests/ward"
SUITE = "trixie"
NAMES = ("centre", "gate-1", "gate-2")


class Ward:
    """The machines, and the paper with the fingerprint."""

    def __init__(self, machines: dict[str, WardMachine], fingerprint: str) -> None:
        self.machines = machines
        self.fingerprint = fingerprint

    def gate(self, name: str) -> Gate:
        """One of the gates."""
        found = self.machines[name]
        assert isinstance(found, Gate), name
        return found

    @property
    def centre(self) -> WardMachine:
        """The server."""
        return self.machines["centre"]


@pytest.fixture(scope="module")
def ward(request: pytest.FixtureRequest) -> Iterator[Ward]:
    requirements.skip_if(
        install_machines.skip_reason() or requirements.missing({"ip": "iproute2", "setsid": "util-linux"})
    )
    suite = (request.config.getoption("--suites", None) or [SUITE])[0]
    with mounts.own_mounts(), alone(), ExitStack() as stack:
        shutil.rmtree(RESULTS, ignore_errors=True)
        RESULTS.mkdir(parents=True)
        bundle = build_bundle(PROJECT, [(suite, "x86_64")], RESULTS / "bundle", RESULTS / "signing")
        network = stack.enter_context(ClusterNetwork(len(NAMES)))
        roots: dict[str, Callable[[str], Path]] = {"centre": centre_root}
        found: dict[str, WardMachine] = {}
        for number, name in enumerate(NAMES):
            root = roots.get(name, gate_root)(suite)
            container = stack.enter_context(_machine(name, root, bundle, network, number))
            found[name] = WardMachine(container) if name == "centre" else Gate(container)
        for name in NAMES[1:]:
            gate = found[name]
            assert isinstance(gate, Gate)
            gate.put_hardware()
        yield Ward(found, repository.fingerprint(RESULTS / "signing"))


@contextmanager
def _machine(name: str, root: Path, bundle: Path, network: ClusterNetwork, number: int) -> Iterator[Container]:
    """A booted machine with an address of its own."""
    disk, groups = Disk(root, RESULTS / name), Groups(f"ward-{name}", RESULTS / "groups" / name)
    disk.attach()
    hosts = f"127.0.0.1 localhost\n{network.addresses[number]} {name}\n{network.addresses[0]} {CENTRE_HOST}\n"
    (disk.mounted / "etc/hosts").write_text(hosts, encoding="utf-8")
    (disk.mounted / "etc/hostname").write_text(f"{name}\n", encoding="utf-8")
    container = Container(
        f"ward-{name}", disk, groups, {bundle: f"/media/usb/{bundle.name}"}, network=network.namespaces[number]
    )
    try:
        container.boot()
        yield container
    finally:
        container.power_off()
        disk.detach()
        groups.delete()
    disk.delete()
