"""The versions that `make test-install` upgrades to: each has its listed differences from this checkout."""

import tomllib
from pathlib import Path

import pytest

from tests.paths import PROJECT
from tests.system.install.bundles import VARIANTS, changed


@pytest.mark.parametrize("name", VARIANTS)
def test_each_version_of_the_install_tests_can_be_made_from_this_checkout(tmp_path: Path, name: str) -> None:
    folder = changed(name, tmp_path / "checkout")
    version, changes = VARIANTS[name]
    assert tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"] == version
    for file, _, new in changes:
        text = (folder / file).read_text(encoding="utf-8")
        assert new in text
        if file.endswith(".py"):
            compile(text, file, "exec")
        assert text != (PROJECT / file).read_text(encoding="utf-8")
