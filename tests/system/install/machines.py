"""`make test-install`: install.sh on Debian bookworm and trixie with a real systemd, no network, and the power going at any moment.

    python -m tests.system.install.run                 the short form: both suites, 2 power cuts each
    python -m tests.system.install.run --cuts 20       the long form

Both suites are asked at the same time: an upgrade is, for the most part, waiting. The machine is a container whose disk
outlives it (tests/system/container/container.py) and loses, when the power goes, what the kernel had not written. Not covered: Raspberry
Pi OS's own packages and its firmware partition.
"""

import argparse
import json
import os
import platform
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kiosk.credentials.issuing.samples import sample_world
from kiosk.simulation.sandbox import Premises
from tests.paths import PROJECT
from tests.system.container import root as container_root
from tests.system.container.container import Container, alone
from tests.system.container.control_groups import Groups
from tests.system.container.disk import Disk
from tests.system.install import checks
from tests.system.install import root as install_root
from tests.system.install.bundles import VARIANTS, make_bundles
from tests.system.install.cuts import power_cut
from tests.system.install.device import Device

TOOLS = {**container_root.TOOLS, "systemd-nspawn": "systemd-container", "mke2fs": "e2fsprogs", "losetup": "mount"}
RESULTS = PROJECT / "build/system-tests/install"
OWN_MOUNTS = "RUNG_INSTALL_OWN_MOUNTS"
PYTHONS = {"bookworm": "311", "trixie": "313"}


def main() -> int:
    """Exit status 0 where every promise was kept, 77 where this machine cannot ask."""
    parser = argparse.ArgumentParser(prog="make test-install")
    parser.add_argument("--suites", nargs="+", choices=list(PYTHONS), default=list(PYTHONS))
    parser.add_argument("--cuts", type=int, default=2, help="power cuts in the middle of an upgrade, on each suite")
    parser.add_argument("--only-cuts", action="store_true", help="install and upgrade once, then only power cuts")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument(
        "--patience", type=float, default=20.0, help="how long an upgrade waits; the product's own is 120 s"
    )
    asked = parser.parse_args()
    lack = container_root.wanting(TOOLS) or ("" if platform.machine() == "x86_64" else "this rung is for x86_64 machines")
    if not lack and subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode:
        lack = "this machine lets nobody mount anything."
    if lack:
        print(f"test-install: {lack}", file=sys.stderr)
        return container_root.CANNOT
    if OWN_MOUNTS not in os.environ:
        # Everything that is mounted ends with us, however we end; and no other rung's namespace keeps a copy of it.
        apart = ["unshare", "--mount", "--propagation", "shared", sys.executable, "-m", "tests.system.install.run"]
        os.execvpe(apart[0], [*apart, *sys.argv[1:]], {**os.environ, OWN_MOUNTS: "1"})  # noqa: S606  no shell is meant
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(10**6)
    print(f"seed {seed}", flush=True)
    with alone():
        failed = on_all(asked, seed)
    print(f"test-install: {failed or 'nothing'} failed; the containers' consoles are in {RESULTS}")
    return 1 if failed else 0


def on_all(asked: argparse.Namespace, seed: int) -> int:
    """Make everything that is needed, then every check on every suite; how many failed."""
    shutil.rmtree(RESULTS, ignore_errors=True)
    keys(RESULTS / "keys")
    groups = own_groups(asked.suites)
    with ThreadPoolExecutor(len(asked.suites)) as makers, ThreadPoolExecutor(len(groups) or 1) as askers:
        roots = {suite: makers.submit(install_root.ready_root, suite) for suite in asked.suites}
        bundles = make_bundles(list(VARIANTS), [PYTHONS[suite] for suite in asked.suites], RESULTS / "bundles")
        outcomes = []
        for suite, root in roots.items():
            place = Place(suite, root, groups.get(suite))
            outcomes.append(askers.submit(on, place, bundles, asked, random.Random(f"{seed}-{suite}")))
        return sum(outcome.result() for outcome in outcomes)


def own_groups(suites: Sequence[str]) -> dict[str, Groups]:
    """Control groups for each suite; none where this machine does not let us, and then one suite is asked after the other."""
    try:
        return {suite: Groups(suite, RESULTS / "groups" / suite) for suite in suites}
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"{error}: no control groups of our own, one suite after the other", file=sys.stderr)
        return {}


def keys(folder: Path) -> None:
    """What a centre gives for a gate; the camera is the synthetic one, the pins are mock pins."""
    folder.mkdir(parents=True)
    premises = Premises(folder, sample_world(datetime.now(UTC)))
    premises.write_files()
    text = (
        premises.config_file.read_text(encoding="utf-8")
        .replace('run_dir = "run"\n', "")
        .replace('path = "events.db"\n', "")
    )
    text = text.replace('pseudonym_key = "', 'pseudonym_key = "private/').replace("port = 0", "port = 8080")
    premises.config_file.write_text(text, encoding="utf-8")
    for own in (
        "pseudonym.key",
        "centre-private.pem",
    ):  # the installer makes the first; the second is the centre's alone
        (folder / own).unlink()


@dataclass(frozen=True, slots=True)
class Place:
    """Where checks are asked."""

    suite: str
    root: Future[Path]
    groups: Groups | None


def on(place: Place, bundles: dict[str, Path], asked: argparse.Namespace, chance: random.Random) -> int:
    """Every check on one suite; how many failed."""
    suite, failed = place.suite, 0
    with machine(place) as container:
        device = Device(
            container, {name: f"/bundles/{path.name}" for name, path in bundles.items()}, asked.patience, chance
        )
        for check in checks.BEFORE_CUTS if asked.only_cuts else checks.CHECKS:
            failed += not told(suite, check.__name__, lambda check=check: check(device))  # type: ignore[misc]
        for number in range(1, asked.cuts + 1):
            failed += not told(suite, f"power_cut_{number}", lambda: power_cut(device))
        print(
            f"    {suite}, power cuts: {', '.join(f'{count} {where}' for where, count in device.cuts.items())}",
            flush=True,
        )
        for check in () if asked.only_cuts else checks.LAST:
            failed += not told(suite, check.__name__, lambda check=check: check(device))  # type: ignore[misc]
    return failed


@contextmanager
def machine(place: Place) -> Iterator[Container]:
    """A booted machine of that suite, on a fresh disk."""
    disk = Disk(place.root.result(), RESULTS / place.suite)
    disk.attach()
    binds = {RESULTS / "bundles": "/bundles", RESULTS / "keys": "/keys"}
    container = Container(place.suite, disk, place.groups, binds)
    try:
        container.boot()
        yield container
    finally:
        container.power_off()
        disk.detach()
        if place.groups:
            place.groups.delete()
    disk.delete()


def told(suite: str, name: str, check: checks.Bound) -> bool:
    """Run one check and say what came of it."""
    began_s = time.monotonic()
    try:
        said, met = check(), True
    except Exception as error:  # noqa: BLE001  the next check still runs
        said, met = f"{type(error).__name__}: {error}", False
    result = {
        "suite": suite,
        "check": name.replace("_", " "),
        "met": met,
        "said": said,
        "took_s": time.monotonic() - began_s,
    }
    with (RESULTS / "checks").open("a", encoding="utf-8") as out:
        print(json.dumps(result), file=out)
    print(f"{'ok ' if met else 'BAD'} {suite}, {result['check']} ({result['took_s']:.0f} s): {said}", flush=True)
    return met


if __name__ == "__main__":
    sys.exit(main())
