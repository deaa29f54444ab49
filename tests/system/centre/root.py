"""The roots that `make test-centre` installs into: Debian bookworm and trixie servers; made once and kept."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tests.paths import PROJECT
from tests.system.container.root import CACHE

SCRIPT = "tests/system/centre/root.sh"


def ready_root(suite: str) -> Path:
    """The root of a suite, from the cache where its recipe has not changed."""
    CACHE.mkdir(parents=True, exist_ok=True)
    recipe = (PROJECT / SCRIPT).read_bytes()
    target = CACHE / f"centre-{suite}-{hashlib.sha256(recipe).hexdigest()[:12]}"
    if not target.with_suffix(".ready").exists():
        for old in CACHE.glob(f"centre-{suite}-*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        print(f"making {target}: a minute, once", file=sys.stderr)
        apart = ["unshare", "--mount", "--propagation", "slave"]
        subprocess.run([*apart, "sh", SCRIPT, suite, str(target)], cwd=PROJECT, check=True)
        target.with_suffix(".ready").touch()
    return target
