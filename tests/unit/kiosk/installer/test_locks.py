"""Two installations never run at the same time."""

from pathlib import Path

import pytest

from kiosk.installer.errors import InstallError
from kiosk.installer.locks import hold_lock


def test_a_second_installation_is_refused_while_the_first_one_runs(tmp_path: Path) -> None:
    with (
        hold_lock(tmp_path / "lock"),
        pytest.raises(InstallError, match="Another install"),
        hold_lock(tmp_path / "lock"),
    ):
        pass


def test_a_lock_is_free_again_after_its_holder(tmp_path: Path) -> None:
    for wait in (False, True):
        with hold_lock(tmp_path / "lock", wait=wait):
            pass
