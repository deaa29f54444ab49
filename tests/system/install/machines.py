"""The machines of `make test-install`: one for each Debian suite, booted once, all asked the same at the same time."""

import json
import platform
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from kiosk.credentials.issuing.samples import make_sample_data
from kiosk.installer.bundle import repository
from kiosk.simulation.sandbox import Sandbox
from tests.paths import PROJECT
from tests.system.container import mounts, requirements
from tests.system.container.container import Container, alone
from tests.system.container.control_groups import Groups
from tests.system.container.disk import Disk
from tests.system.install import root as install_root
from tests.system.install.bundles import SIGNING, VARIANTS, make_bundles
from tests.system.install.device import Device, Options

Check = Callable[[Device], str]
"""What is asked of a machine. Returns what was measured; raises AssertionError."""
TOOLS = {**requirements.MMDEBSTRAP, "systemd-nspawn": "systemd-container", "mke2fs": "e2fsprogs", "losetup": "mount"}
RESULTS = PROJECT / "build/system-tests/install"
SUITES = ("bookworm", "trixie")


class Devices:
    """The machines by suite."""

    def __init__(self, devices: dict[str, Device]) -> None:
        self._devices = devices

    def ask(self, name: str, check: Check) -> str:
        """Run a check on every machine at the same time. Returns what each measured. Raises AssertionError."""
        with ThreadPoolExecutor(len(self._devices)) as pool:
            asked = [pool.submit(_asked, suite, name, check, device) for suite, device in self._devices.items()]
        said = [f"{suite}: {future.result()[1]}" for suite, future in zip(self._devices, asked, strict=True)]
        failed = [text for text, future in zip(said, asked, strict=True) if not future.result()[0]]
        assert not failed, "\n".join(failed)
        return "; ".join(said)


def on_each_suite(check: Check) -> Callable[[Devices, Callable[[str], None]], None]:
    """A test that runs a check on every suite."""

    def test(devices: Devices, measured: Callable[[str], None]) -> None:
        measured(devices.ask(check.__name__, check))

    test.__name__, test.__doc__, test.__module__ = check.__name__, check.__doc__, check.__module__
    return test


def _asked(suite: str, name: str, check: Check, device: Device) -> tuple[bool, str]:
    """Whether the check was met, and what it said."""
    began_s = time.monotonic()
    try:
        said, met = check(device), True
    except Exception as error:  # noqa: BLE001  the other suite's answer is wanted too
        said, met = f"{type(error).__name__}: {error}", False
    took_s = time.monotonic() - began_s
    with (RESULTS / "checks").open("a", encoding="utf-8") as out:
        print(json.dumps({"suite": suite, "check": name, "met": met, "said": said, "took_s": took_s}), file=out)
    return met, said


def skip_reason() -> str:
    """Why these tests cannot run here; empty where they can."""
    here = "" if platform.machine() == "x86_64" else "these tests are for x86_64 machines."
    return requirements.missing(TOOLS) or here or mounts.cannot_mount()


@contextmanager
def running(options: Options, seed: int) -> Iterator[Devices]:
    """Make roots and bundles, then boot a machine for each suite."""
    with mounts.own_mounts(), alone(), ExitStack() as stack:
        shutil.rmtree(RESULTS, ignore_errors=True)
        keys(RESULTS / "keys")
        suites, groups = _control_groups(options.suites)
        with ThreadPoolExecutor(1) as maker:
            roots = [maker.submit(install_root.ready_root, suite) for suite in suites]
            bundles = make_bundles(list(VARIANTS), suites, RESULTS / "bundles")
        seen = {name: f"/bundles/{path.name}" for name, path in bundles.items()}
        key = repository.fingerprint(RESULTS / "bundles" / SIGNING)
        devices = {}
        for suite, root in zip(suites, roots, strict=True):
            container = stack.enter_context(_machine(suite, root.result(), groups.get(suite)))
            devices[suite] = Device(container, seen, key, options, random.Random(f"{seed}-{suite}"))
        yield Devices(devices)


def _control_groups(suites: Sequence[str]) -> tuple[Sequence[str], dict[str, Groups]]:
    """Control groups for each suite. Where they cannot be made, only the last suite is asked: two would disturb each other."""
    try:
        return suites, {suite: Groups(suite, RESULTS / "groups" / suite) for suite in suites}
    except (OSError, subprocess.CalledProcessError):
        return suites[-1:], {}


def keys(folder: Path) -> None:
    """What a centre gives for a gate; the camera is the synthetic one, the pins are mock pins."""
    folder.mkdir(parents=True)
    sandbox = Sandbox(folder, make_sample_data(datetime.now(UTC)))
    sandbox.write_files()
    text = (
        sandbox.config_file.read_text(encoding="utf-8")
        .replace('run_dir = "run"\n', "")
        .replace('path = "events.db"\n', "")
    )
    text = text.replace('pseudonym_key = "', 'pseudonym_key = "private/').replace("port = 0", "port = 8080")
    sandbox.config_file.write_text(text, encoding="utf-8")
    for own in ("pseudonym.key", "centre-private.pem"):  # kiosk setup makes the first; the second is the centre's alone
        (folder / own).unlink()


@contextmanager
def _machine(suite: str, root: Path, groups: Groups | None) -> Iterator[Container]:
    """A booted machine of that suite, on a fresh disk."""
    disk = Disk(root, RESULTS / suite)
    disk.attach()
    container = Container(suite, disk, groups, {RESULTS / "bundles": "/bundles", RESULTS / "keys": "/keys"})
    try:
        container.boot()
        yield container
    finally:
        container.power_off()
        disk.detach()
        if groups:
            groups.delete()
    disk.delete()
