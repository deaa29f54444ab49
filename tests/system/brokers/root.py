"""The root that the brokers of a cluster run in: RabbitMQ and NATS from Debian trixie's packages, made once and kept."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.system.arm.root import cached
from tests.system.container import requirements

SUITE = "trixie"
PACKAGES = "nats-server openssl procps rabbitmq-server"
_MOUNTS = (
    'cd "$0"; mount -t proc proc proc; mount --rbind /dev dev; '
    'while [ "$1" != -- ]; do mount --bind "$1" ".$2"; shift 2; done; shift; exec chroot "$@"'
)


def missing() -> str:
    """What this machine lacks, as a sentence."""
    return requirements.missing(requirements.MMDEBSTRAP)


def ready_root() -> Path:
    """The root, from the cache where its recipe has not changed."""
    return cached("brokers-trixie", [Path(__file__)], [], _make)


def _make(target: Path) -> None:
    mirror = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
    include = f"--include={','.join(PACKAGES.split())}"
    subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", include, SUITE, str(target), mirror], check=True)


def user_ids(root: Path, name: str) -> tuple[int, int]:
    """User and group of a system user inside."""
    for line in (root / "etc/passwd").read_text(encoding="utf-8").splitlines():
        fields = line.split(":")
        if fields[0] == name:
            return int(fields[2]), int(fields[3])
    raise AssertionError(f"{root} has no user {name}")


def inside(
    root: Path,
    command: Sequence[str],
    *,
    user: str = "root",
    binds: Mapping[str, Path] | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[str]:
    """The command line of a program in the root, in a process namespace of its own, which dies with the first process.

    `binds`: folders and files of this machine, by their places inside.
    """
    mounts = [part for place, folder in (binds or {}).items() for part in (str(folder), place)]
    variables = [f"{name}={value}" for name, value in (environment or {}).items()]
    apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", _MOUNTS, str(root), *mounts, "--"]
    return [*apart, f"--userspec={user}", ".", "env", "-i", *variables, *command]
