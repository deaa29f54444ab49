"""Releases: what may be switched to, what is checked before, and the database between two of them."""

from pathlib import Path

import pytest

from kiosk.installer import background
from kiosk.installer.bundle.wheels import locked_requirements
from kiosk.installer.errors import InstallError
from kiosk.installer.layout import InstallLayout
from kiosk.installer.releases import database as records
from kiosk.installer.releases import release, upgrade
from kiosk.installer.releases.release import Build
from kiosk.installer.settings import ReleaseSettings, read_settings
from kiosk.storage import database, schema
from kiosk.system import atomic_files
from tests.fakes.parts.installed_device import FakePackages, FakeSystemd, a_release, installed, ready, runs
from tests.paths import PROJECT


def a_build(version: str = "2", *, schema: int = 1, oldest_writer: int = 1) -> Build:
    return Build(version, "3.11", schema, oldest_writer)


def test_a_switch_that_could_not_be_taken_back_is_refused() -> None:
    old = a_build("1", schema=2)
    records.require_rollback_possible(a_build(schema=3, oldest_writer=2), old)
    with pytest.raises(InstallError, match="cannot be rolled back"):
        records.require_rollback_possible(a_build(schema=3, oldest_writer=3), old)


def test_a_version_that_is_too_old_for_the_database_is_refused() -> None:
    with pytest.raises(InstallError, match="too old"):
        records.require_rollback_possible(a_build(schema=1), a_build("1", schema=3, oldest_writer=2))


def test_the_installer_reads_the_schema_number_as_the_store_writes_it() -> None:
    assert records.SCHEMA_BITS == schema.SCHEMA_BITS


def test_the_database_is_copied_only_before_its_schema_changes_and_the_copy_can_be_removed(tmp_path: Path) -> None:
    path = tmp_path / "var/lib/entrance-kiosk/events.db"
    path.parent.mkdir(parents=True)
    new, old = a_build(schema=len(schema.MIGRATIONS) + 1), a_build("1")
    assert records.back_up_database(path, new, old) is None, "there is no database"
    database.open_writer(path).close()
    assert records.back_up_database(path, a_build(schema=len(schema.MIGRATIONS)), old) is None
    copy = records.back_up_database(path, new, old)
    assert copy is not None
    assert records.read_schema_version(copy) == len(schema.MIGRATIONS)
    assert copy.stat().st_mode & 0o777 == 0o600
    layout = InstallLayout(tmp_path)
    assert records.database_path(layout) == path
    records.remove_copies(layout)
    assert (copy.exists(), path.exists()) == (False, True)


@pytest.mark.parametrize(("python", "pins"), [("311", True), ("313", False)])
def test_a_release_has_simplejpeg_for_numpy_2_and_lgpio_where_there_is_a_wheel(python: str, *, pins: bool) -> None:
    lines = list(locked_requirements(PROJECT, python))
    names = [line.split("==")[0] for line in lines]
    assert len(names) == len(set(names)), "one version of each"
    assert {"simplejpeg", "numpy", "pip", "zxing-cpp"} <= set(names)
    assert ("lgpio" in names) is pins
    assert "picamera2" not in names, "apt installs it with libcamera"
    assert all("--hash=sha256:" in line for line in lines)
    assert next(line for line in lines if line.startswith("numpy==")).startswith("numpy==2.")


def test_rejected_releases_go_at_once_and_others_only_after_the_trial(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    packages = FakePackages(layout)
    for version in ("0", "3"):
        a_release(layout, version)
    upgrade.switch_release("2", layout, FakeSystemd(), ready)
    release.reject("3", "not ready", layout)
    release.prune(layout, packages, rejected_only=True)
    assert packages.purged == ["3"]
    release.prune(layout, packages)
    assert packages.purged == ["3", "0"]
    assert runs(layout) == "2"


def test_a_rejected_release_can_be_tried_again(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    release.reject("2", "not ready", layout)
    release.forget_rejection("2", layout)
    assert release.read_history(layout)["rejected"] == {}


def test_a_folder_without_a_build_file_is_no_release(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    (layout.releases_dir / "half").mkdir()
    layout.previous_link.symlink_to("releases/half")
    assert release.linked_version(layout.previous_link) is None
    with pytest.raises(InstallError, match="not installed"):
        release.require_build("half", layout)


def test_a_release_without_its_python_accepts_no_configuration(tmp_path: Path) -> None:
    """As after an upgrade of the operating system."""
    layout = installed(tmp_path)
    assert not release.accepts_configuration(layout.current_link, layout)


def test_the_version_of_the_package_is_the_chosen_one(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    assert release.chosen_version(layout) is None
    layout.tool_dir.mkdir(parents=True)
    (layout.tool_dir / "release").write_text("2\n", encoding="ascii")
    assert release.chosen_version(layout) == "2"


def test_a_refused_switch_leaves_its_reason_where_the_outcome_is(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    background.note_refusal(layout, "2", InstallError("release-missing", release="2"))
    found = atomic_files.read_json(layout.last_upgrade_file)
    assert found is not None
    assert (found["from"], found["to"], found["outcome"]) == ("1", "2", "refused")
    assert "2" in found["reason"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ReleaseSettings()),
        ("# READY_TIMEOUT_S=5\nREADY_TIMEOUT_S=20\n TRIAL_S=60.5\n", ReleaseSettings(20, 60.5)),
        ("READY_TIMEOUT_S=soon\nTRIAL_S=\nOTHER=1\n\xff\n", ReleaseSettings()),
        ("READY_TIMEOUT_S=-1\n", ReleaseSettings()),
    ],
)
def test_only_clear_lines_of_the_settings_count(tmp_path: Path, text: str, expected: ReleaseSettings) -> None:
    layout = InstallLayout(tmp_path)
    path = layout.at("/etc/default/entrance-kiosk")
    assert read_settings(layout) == ReleaseSettings()
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="latin-1")
    assert read_settings(layout) == expected


def test_the_shipped_settings_are_the_defaults(tmp_path: Path) -> None:
    layout = InstallLayout(tmp_path)
    path = layout.at("/etc/default/entrance-kiosk")
    path.parent.mkdir(parents=True)
    path.write_bytes((PROJECT / "debian_packages/entrance-kiosk/default").read_bytes())
    assert read_settings(layout) == ReleaseSettings()
