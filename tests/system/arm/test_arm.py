"""The locked aarch64 wheels import, read, verify and pass our own tests, under user emulation in a bookworm root (Python 3.11).

With --short: every fourth image, and the tests of the parts whose wheels are compiled. Without: every image, and everything of ours
that computes. Both have every test vector. What waits for brokers, browsers and networks is the same Python on every machine.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kiosk.decoding.preview.image_files import list_image_files
from tests.paths import SHARED
from tests.system.arm import root as arm_root
from tests.system.arm import wheels as arm_wheels
from tests.system.arm.wheels import COMPILED, Wheels
from tests.system.conftest import Measured
from tests.system.container import requirements

pytestmark = [pytest.mark.system, pytest.mark.arm, pytest.mark.timeout(5400)]
EVERY = 4
IMPORT_ALL = f"""
import importlib, pathlib, platform
product = pathlib.Path("/srv/product")
paths = [p for package in ("kiosk", "mqtt", "web_ui") for p in sorted((product / package).rglob("*.py"))]
# Not here: the program's entry, the centre's PostgreSQL, and what makes bundles, which no device has.
paths = [p for p in paths if p.name != "__main__.py" and not p.name.startswith("postgres")]
paths = [p for p in paths if not {{"bundle", "postgres"}} & {{*p.parts}}]
names = [".".join(p.relative_to(product).with_suffix("").parts).removesuffix(".__init__") for p in paths]
for name in [*{COMPILED!r}, *names]:
    importlib.import_module(name)
print(platform.machine(), platform.python_version(), len(names))
"""


@pytest.fixture(scope="module")
def wheels() -> Wheels:
    requirements.skip_if(arm_root.missing({}))
    return arm_wheels.prepared()


@pytest.fixture(scope="module")
def short(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--short"))


def test_every_module_of_ours_imports(wheels: Wheels, measured: Measured) -> None:
    # In a folder that can be written: lgpio makes a pipe there.
    machine, version, count = wheels.run(["python3", "-c", IMPORT_ALL], 600, folder="/tmp").split()  # noqa: S108
    assert machine == "aarch64"
    assert int(count) > 100, count
    measured(f"{count} modules and {len(COMPILED)} compiled packages on {machine}, Python {version}")


def test_every_image_reads_as_it_does_on_this_machine(wheels: Wheels, short: bool, measured: Measured) -> None:
    if not SHARED.exists():
        pytest.skip("the shared images are not beside this checkout")
    images = [path.relative_to(SHARED) for path in list_image_files(SHARED / "qr-images")]
    images = images[:: EVERY if short else 1]
    emulated = _read(images, "/srv/shared", lambda arguments: wheels.run(["python3", *arguments], 2400))
    native = _read(images, str(SHARED), arm_wheels.read_natively)
    assert len(images) >= 40
    assert [str(path) for path in images if native[path] != emulated[path]] == []
    measured(f"{len(images)} images, {sum(bool(codes) for codes in emulated.values())} with codes, each as here")


def test_every_vector_gives_its_answer(wheels: Wheels, measured: Measured) -> None:
    measured(wheels.pytest(arm_wheels.VECTORS))


def test_the_core_of_our_suite_passes(wheels: Wheels, short: bool, measured: Measured) -> None:
    left_out = arm_wheels.LONG if short else ()
    measured(wheels.pytest(arm_wheels.SHORT_SUITE if short else arm_wheels.SUITE, left_out))


def _read(images: list[Path], folder: str, run: Callable[[list[str]], str]) -> dict[Path, list[str]]:
    """Texts of the codes in each image, as `kiosk read --json` prints them."""
    printed = run(["-m", "kiosk.cli", "read", "--json", *(f"{folder}/{path}" for path in images)])
    found = [json.loads(line) for line in printed.splitlines()]
    return {path: sorted(code["text"] for code in line["codes"]) for path, line in zip(images, found, strict=True)}
