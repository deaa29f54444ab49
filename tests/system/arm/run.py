"""`make test-arm`: the locked aarch64 wheels, read, verify and tested with, under user emulation in a bookworm root (Python 3.11).

Short form (ARM_ARGS=--short): every fourth picture, and the tests of the parts whose wheels are compiled. The long form has every
picture, and everything of ours that computes: reading, verifying, rules, visits, records, words of the wire, lamps. Both have every
vector. What waits for brokers, browsers and networks is the same Python on every machine; it stays with `make test`.
"""

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from kiosk.decoding.preview.image_files import folder_pictures
from tests.paths import PROJECT
from tests.system.arm import root as rung_arm_root
from tests.system.container import root as rung_root
from tests.system.emulator import gate, image

SHARED = PROJECT.parent / "shared"
SITE = "/opt/entrance-kiosk/site"
WHEELS = ("pytest", "pytest-timeout", "pytest-xdist", "hypothesis", "jsonschema", "pypdfium2")
COMPILED = (
    "_cffi_backend",
    "cbor2",
    "cryptography",
    "cv2",
    "lgpio",
    "numpy",
    "PIL",
    "pydantic_core",
    "pyzbar",
    "zxingcpp",
)
VECTORS = ("hcert", "signatures")
SHORT_SUITE = ("rules", "credentials", "own_pass", "seal", "store", "dark")
SUITE = (*SHORT_SUITE, "visits", "gate", "wire", "trust", "reading", "signals", "words")
"""Subjects: what the files tests/test_SUBJECT.py and tests/test_SUBJECT_*.py are about."""
LONG = ("test_a_hundred_thousand_mutations_are_refused_for_a_reason_and_none_is_accepted",)
"""Left out of the short form: minutes under emulation, on a way through the compiled code that other tests of the file take."""
EVERY = 4


class Promises:
    """What is asked of the aarch64 wheels. `short` says which form."""

    def __init__(self, root: Path, wheels: Path, *, short: bool) -> None:
        self._root = root
        product = rung_root.CACHE / "arm-product"
        shutil.rmtree(product, ignore_errors=True)
        zipfile.ZipFile(image.project_wheel(rung_root.CACHE / "arm-wheel")).extractall(product)
        _compile(product)
        self._binds = {"product": product, "project": PROJECT, "shared": SHARED, "wheels": wheels}
        self._short = short

    def all(self) -> list[Callable[[], str]]:
        """As they are asked."""
        return [
            self.every_module_of_ours_imports,
            self.every_picture_reads_as_it_does_on_this_machine,
            self.every_vector_gives_its_answer,
            self.the_core_of_our_suite_passes,
        ]

    def every_module_of_ours_imports(self) -> str:
        code = f"""
import importlib, pathlib, platform
product = pathlib.Path("/srv/product")
paths = [p for room in ("kiosk", "mqtt", "web_ui") for p in sorted((product / room).rglob("*.py"))]
# Not here: the program's entry, and the centre's PostgreSQL, which no device has.
paths = [p for p in paths if p.name != "__main__.py" and not p.name.startswith("postgres")]
names = [".".join(p.relative_to(product).with_suffix("").parts).removesuffix(".__init__") for p in paths]
for name in [*{COMPILED!r}, *names]:
    importlib.import_module(name)
print(platform.machine(), platform.python_version(), len(names))
"""
        # In a folder that can be written: lgpio makes a pipe there.
        machine, version, count = self._run(["python3", "-c", code], 300, folder="/tmp").split()  # noqa: S108
        assert machine == "aarch64"
        assert int(count) > 100, count
        return f"{count} modules and {len(COMPILED)} compiled packages on {machine}, Python {version}"

    def every_picture_reads_as_it_does_on_this_machine(self) -> str:
        pictures = [path.relative_to(SHARED) for path in folder_pictures(SHARED / "qr-images")]
        pictures = pictures[:: EVERY if self._short else 1]
        there = self._read(pictures, lambda path: f"/srv/shared/{path}", self._inside)
        here = self._read(pictures, lambda path: str(SHARED / path), self._native)
        differing = [str(path) for path in pictures if here[path] != there[path]]
        assert len(pictures) >= 40
        assert not differing, differing
        return f"{len(pictures)} pictures, {sum(bool(codes) for codes in there.values())} with codes, each as here"

    def every_vector_gives_its_answer(self) -> str:
        return self._pytest(VECTORS)

    def the_core_of_our_suite_passes(self) -> str:
        return self._pytest(SHORT_SUITE if self._short else SUITE)

    def _read(
        self, pictures: list[Path], name: Callable[[Path], str], run: Callable[[list[str]], str]
    ) -> dict[Path, list[str]]:
        printed = run(["-m", "kiosk", "read", "--json", *(name(path) for path in pictures)])
        found = [json.loads(line) for line in printed.splitlines()]
        return {
            path: sorted(code["text"] for code in line["codes"]) for path, line in zip(pictures, found, strict=True)
        }

    def _native(self, arguments: list[str]) -> str:
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout

    def _inside(self, arguments: list[str]) -> str:
        return self._run(["python3", *arguments], 1200)

    def _pytest(self, subjects: tuple[str, ...]) -> str:
        files = [f"tests/{path.name}" for subject in subjects for path in files_about(subject)]
        texts = "".join((PROJECT / file).read_text(encoding="utf-8") for file in files)
        long = [name for name in LONG if self._short and f"def {name}(" in texts]
        options = [
            "-q",
            "-k",
            " and ".join(f"not {name}" for name in long),
            "-p",
            "no:cacheprovider",
            "--timeout=1800",
            "--numprocesses=2",
            "--dist=worksteal",
            *files,
        ]
        said = self._run(["python3", "-m", "pytest", *options], 2400).strip().splitlines()[-1].strip("= ")
        assert " passed" in said, said
        return f"{len(files)} files about {', '.join(subjects)}: {said}"

    def _run(self, command: list[str], timeout_s: float, folder: str = "/srv/project") -> str:
        environment = {
            "PYTHONPATH": f"/srv/product:{SITE}:/srv/wheels",
            "PYTHONDONTWRITEBYTECODE": "1",
            "HYPOTHESIS_STORAGE_DIRECTORY": "/tmp/hypothesis",  # noqa: S108  inside the root
            "HOME": "/tmp",  # noqa: S108
        }
        place = ["sh", "-ec", 'cd "$0"; exec "$@"', folder]
        done = rung_arm_root.run_inside(self._root, [*place, *command], environment, timeout_s, self._binds)
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
        return done.stdout


def files_about(subject: str) -> list[Path]:
    """Our own tests of a subject. Raises AssertionError where there are none."""
    tests = PROJECT / "tests"
    found = [*tests.glob(f"test_{subject}.py"), *sorted(tests.glob(f"test_{subject}_*.py"))]
    assert found, f"there is no tests/test_{subject}.py any more: mend tests/system/arm/run.py"
    return found


def _compile(folder: Path) -> None:
    """Bytecode for bookworm's Python where this machine's is of the same version: under emulation it would cost a minute."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" == rung_arm_root.PYTHON:
        rung_arm_root.compile_python(folder, ["."])


def main(arguments: list[str]) -> int:
    """Exit status 0 where every promise was kept; 77 where this machine cannot ask."""
    if gate.cannot("test-arm", {}):
        return rung_arm_root.CANNOT
    root, wheels = rung_arm_root.ready_root(), rung_arm_root.development_wheels(WHEELS)
    _compile(wheels)
    failed = gate.judged(Promises(root, wheels, short="--short" in arguments).all())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
