"""The locked aarch64 wheels and this checkout under user emulation, and which of our own tests run on them."""

import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tests.paths import PROJECT, SHARED
from tests.system.arm import root as arm_root
from tests.system.container import root as container_root
from tests.system.emulator import image

SITE = "/opt/entrance-kiosk/site"
DEVELOPMENT = ("pytest", "pytest-timeout", "pytest-xdist", "hypothesis", "jsonschema", "pypdfium2")
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
UNIT = "tests/unit/kiosk"
VECTORS = (
    f"{UNIT}/credentials/formats/test_hcert_vectors.py",
    f"{UNIT}/credentials/formats/test_hcert_malformed.py",
    f"{UNIT}/credentials/formats/test_cose_signatures.py",
)
SHORT_SUITE = (
    f"{UNIT}/core/test_rules.py",
    f"{UNIT}/core/test_subject_sealing.py",
    f"{UNIT}/credentials/test_verifier.py",
    f"{UNIT}/credentials/formats/test_entry_pass.py",
    f"{UNIT}/credentials/formats/test_entry_pass_keys.py",
    f"{UNIT}/credentials/formats/test_entry_pass_rotating.py",
    f"{UNIT}/storage",
    f"{UNIT}/hardware/gpio/test_all_off.py",
)
SUITE = (
    *SHORT_SUITE,
    f"{UNIT}/core/visits",
    f"{UNIT}/core/test_gate.py",
    f"{UNIT}/system/test_messages.py",
    f"{UNIT}/credentials/trust",
    f"{UNIT}/decoding",
    f"{UNIT}/hardware/gpio/test_signal_output.py",
    f"{UNIT}/hardware/gpio/test_pattern_player.py",
    "tests/unit/mqtt/test_messages.py",
)
LONG = ("test_any_mutation_is_refused_with_a_reason",)
"""Left out of the short form: minutes under emulation, and other tests of the file use the same compiled code."""


@dataclass(frozen=True, slots=True)
class Wheels:
    """An arm64 root with the runtime wheels, and what is bound into it at /srv/NAME."""

    root: Path
    binds: dict[str, Path]

    def run(self, command: list[str], timeout_s: float, folder: str = "/srv/project") -> str:
        """What the command printed. Raises AssertionError where it fails."""
        environment = {
            "PYTHONPATH": f"/srv/product:{SITE}:/srv/wheels",
            "PYTHONDONTWRITEBYTECODE": "1",
            "HYPOTHESIS_STORAGE_DIRECTORY": "/tmp/hypothesis",  # noqa: S108  inside the root
            "HOME": "/tmp",  # noqa: S108
        }
        place = ["sh", "-ec", 'cd "$0"; exec "$@"', folder]
        done = arm_root.run_inside(self.root, [*place, *command], environment, timeout_s, self.binds)
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
        return done.stdout

    def pytest(self, paths: tuple[str, ...], left_out: tuple[str, ...] = ()) -> str:
        """Run our own tests in these files and folders. Returns pytest's last line."""
        options = ["-q", "-p", "no:cacheprovider", "--timeout=1800", "--numprocesses=2", "--dist=worksteal"]
        chosen = ["-k", " and ".join(f"not {name}" for name in left_out)] if left_out else []
        printed = self.run(["python3", "-m", "pytest", *options, *chosen, *paths], 3600)
        last = printed.strip().splitlines()[-1].strip("= ")
        assert " passed" in last, last
        return last


def prepared() -> Wheels:
    """Build and fetch what is not cached."""
    root, wheels = arm_root.ready_root(), arm_root.development_wheels(DEVELOPMENT)
    _compile(wheels)
    product = container_root.CACHE / "arm-product"
    shutil.rmtree(product, ignore_errors=True)
    zipfile.ZipFile(image.project_wheel(container_root.CACHE / "arm-wheel")).extractall(product)
    _compile(product)
    shared = {"shared": SHARED} if SHARED.exists() else {}
    return Wheels(root, {"product": product, "project": PROJECT, "wheels": wheels} | shared)


def read_natively(arguments: list[str]) -> str:
    """The same command on this machine's wheels."""
    done = subprocess.run([sys.executable, *arguments], cwd=PROJECT, capture_output=True, text=True, check=True)
    return done.stdout


def _compile(folder: Path) -> None:
    """Bytecode for bookworm's Python where this machine's is of the same version: under emulation it would cost a minute."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" == arm_root.PYTHON:
        arm_root.compile_python(folder, ["."])
