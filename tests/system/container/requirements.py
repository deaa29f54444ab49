"""What a system test needs of this machine. A test that cannot run here is skipped, with the reason."""

import os
import shutil
from collections.abc import Mapping

import pytest

MMDEBSTRAP = {"mmdebstrap": "mmdebstrap", "unshare": "util-linux"}
"""Tool -> Debian package: what a root is made with."""


def missing(tools: Mapping[str, str]) -> str:
    """What this machine lacks, as a sentence. Empty where nothing is missing. `tools`: tool -> Debian package."""
    if os.geteuid() != 0:
        return "this test makes a Debian root and must run as root: use sudo."
    packages = sorted({package for tool, package in tools.items() if shutil.which(tool) is None})
    return f"type:  apt-get install --no-install-recommends {' '.join(packages)}" if packages else ""


def skip_if(reason: str) -> None:
    """Skip the tests that asked for the fixture, unless the reason is empty."""
    if reason:
        pytest.skip(reason)
