"""The roots that `make test-install` installs into: Debian bookworm and trixie as they are before; made once and kept."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tests.paths import PROJECT
from tests.system.container.root import CACHE

SCRIPT = "tests/system/install/root.sh"
STUB = "tests/system/install/stub.py"


def ready_root(suite: str) -> Path:
    """The root of a suite, from the cache where its recipe has not changed."""
    CACHE.mkdir(parents=True, exist_ok=True)
    recipe = b"".join((PROJECT / name).read_bytes() for name in (SCRIPT, STUB))
    target = CACHE / f"install-{suite}-{hashlib.sha256(recipe).hexdigest()[:12]}"
    if not target.with_suffix(".ready").exists():
        for old in CACHE.glob(f"install-{suite}-*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        print(f"making {target}: two minutes, once", file=sys.stderr)
        apart = ["unshare", "--mount", "--propagation", "slave"]
        command = [*apart, "sh", SCRIPT, suite, str(target)]
        subprocess.run(command, cwd=PROJECT, check=True)
        target.with_suffix(".ready").touch()
    return target
