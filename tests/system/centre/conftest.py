"""A server for each Debian suite, booted once: centre and broker are installed on it from the bundle of this checkout."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiosk.credentials.issuing.samples import make_sample_data
from kiosk.installer.bundle import repository
from kiosk.installer.bundle.build import build_bundle
from kiosk.simulation.sandbox import Sandbox
from tests.paths import PROJECT
from tests.system.centre import root as centre_root
from tests.system.centre.server import Server
from tests.system.container import mounts, requirements
from tests.system.container.container import Container, alone
from tests.system.container.disk import Disk
from tests.system.install import machines

RESULTS = PROJECT / "build/system-tests/centre"
SUITES = ("bookworm", "trixie")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One server for each suite of `--suites`."""
    if "server" in metafunc.fixturenames:
        suites = metafunc.config.getoption("--suites", None) or SUITES
        metafunc.parametrize("server", suites, indirect=True, scope="module")


@pytest.fixture(scope="module")
def results() -> Iterator[Path]:
    """The folder with bundle and gate, on this machine alone with its containers."""
    requirements.skip_if(machines.skip_reason())
    with mounts.own_mounts(), alone():
        shutil.rmtree(RESULTS, ignore_errors=True)
        RESULTS.mkdir(parents=True)
        write_gate(RESULTS / "gate")
        yield RESULTS


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, results: Path) -> Iterator[Server]:
    """A machine with Debian's mosquitto and PostgreSQL, and the folder of `make bundle`."""
    suite = request.param
    bundle = build_bundle(PROJECT, [(suite, "x86_64")], results / suite, results / "signing")
    with ExitStack() as stack:
        disk = Disk(centre_root.ready_root(suite), results / f"machine-{suite}")
        disk.attach()
        stack.callback(disk.delete)
        stack.callback(disk.detach)
        container = Container(f"centre-{suite}", disk, None, {bundle: "/bundle", results / "gate": "/gate"})
        stack.callback(container.power_off)
        container.boot()
        yield Server(container, repository.fingerprint(results / "signing"))


def write_gate(folder: Path) -> None:
    """A gate with a synthetic camera and its pins in memory, which asks for files of the centre that is made later."""
    folder.mkdir(parents=True)
    sandbox = Sandbox(folder, make_sample_data(datetime.now(UTC)))
    sandbox.write_files()
    text = sandbox.config_file.read_text(encoding="utf-8")
    tls = 'ca = "ca.pem"\ncertificate = "cho-mau.cong-1.pem"\nkey = "cho-mau.cong-1.key"'
    text = text.replace('brokers = ["127.0.0.1:1"]', 'brokers = ["localhost:8883"]').replace("tls = false", tls)
    sandbox.config_file.write_text(text, encoding="utf-8")
    (folder / "centre-public.pem").unlink()
