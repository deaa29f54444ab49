"""Bundles are verified, and releases are built completely or not at all."""

import shutil
from pathlib import Path

import pytest

from kiosk.installer import database as records
from kiosk.installer import release, upgrade
from kiosk.installer.bundle import content as bundles
from kiosk.installer.bundle.build import locked_requirements
from kiosk.installer.bundle.content import Bundle
from kiosk.installer.errors import InstallError
from kiosk.installer.layout import InstallLayout
from kiosk.installer.machine import device
from kiosk.installer.machine.device import Machine
from kiosk.storage import database, schema
from tests.fakes.parts.installed_device import FakeSystemd, a_release, installed, ready, runs
from tests.paths import PROJECT


def a_bundle(folder: Path, *, schema: int = 1, oldest_writer: int = 1) -> Bundle:
    return Bundle(folder, "0.2.0", "ab" * 32, schema, oldest_writer, {})


def test_an_upgrade_that_could_not_be_rolled_back_is_refused(tmp_path: Path) -> None:
    old = a_bundle(tmp_path, schema=2)
    records.require_rollback_possible(a_bundle(tmp_path, schema=3, oldest_writer=2), old)
    with pytest.raises(InstallError, match="cannot be rolled back"):
        records.require_rollback_possible(a_bundle(tmp_path, schema=3, oldest_writer=3), old)


def test_a_version_that_is_too_old_for_the_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="too old"):
        records.require_rollback_possible(a_bundle(tmp_path, schema=1), a_bundle(tmp_path, schema=3, oldest_writer=2))


@pytest.mark.parametrize(
    ("conf", "mounts", "refused"),
    [
        ('overlayroot="tmpfs:recurse=0"', "/dev/sda / ext4 ro 0 0\noverlayroot / overlay rw 0 0\n", True),
        ('overlayroot="tmpfs:recurse=0"', "overlayroot / overlay rw 0 0\n/dev/mmcblk0p2 / ext4 rw 0 0\n", False),
        ("", "overlay / overlay rw 0 0\n", False),
    ],
)
def test_an_installation_into_an_overlay_in_memory_is_refused(
    tmp_path: Path, conf: str, mounts: str, *, refused: bool
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/overlayroot.conf").write_text(conf, encoding="ascii")
    if refused:
        with pytest.raises(InstallError, match="overlayroot-chroot"):
            device.require_persistent_root(InstallLayout(tmp_path), mounts)
    else:
        device.require_persistent_root(InstallLayout(tmp_path), mounts)


def test_the_installer_reads_the_schema_number_as_the_store_writes_it() -> None:
    assert records.SCHEMA_BITS == schema.SCHEMA_BITS


def test_the_database_is_copied_only_before_its_schema_changes(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    new, old = a_bundle(tmp_path, schema=len(schema.MIGRATIONS) + 1), a_bundle(tmp_path)
    assert records.back_up_database(path, new, old) is None, "there is no database"
    database.open_writer(path).close()
    assert records.back_up_database(path, a_bundle(tmp_path, schema=len(schema.MIGRATIONS)), old) is None
    copy = records.back_up_database(path, new, old)
    assert copy is not None
    assert records.read_schema_version(copy) == len(schema.MIGRATIONS)
    assert copy.stat().st_mode & 0o777 == 0o600
    assert records.database_path(InstallLayout(tmp_path)) == tmp_path / "var/lib/entrance-kiosk/events.db"


def test_damaged_missing_and_replaced_files_of_a_bundle_are_found(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    files = {"a": bundles.file_sha256(tmp_path / "a")}
    whole = Bundle(tmp_path, "1", bundles.bundle_digest(files), 1, 1, files)
    bundles.verify_bundle(whole)
    (tmp_path / "a").write_bytes(b"b")
    with pytest.raises(InstallError, match="damaged: a"):
        bundles.verify_bundle(whole)
    swapped = {"a": bundles.file_sha256(tmp_path / "a")}
    with pytest.raises(InstallError, match="damaged: manifest"):
        bundles.verify_bundle(Bundle(tmp_path, "1", whole.digest, 1, 1, swapped))
    (tmp_path / "a").unlink()
    with pytest.raises(InstallError, match="damaged: a"):
        bundles.verify_bundle(whole)


def test_a_release_that_does_not_fit_on_the_disk_is_not_started(tmp_path: Path) -> None:
    layout, wheel, requirements = (
        InstallLayout(tmp_path),
        tmp_path / "wheels/a-1-py3-none-any.whl",
        tmp_path / "requirements.txt",
    )
    wheel.parent.mkdir()
    with wheel.open("wb") as file:
        file.truncate(shutil.disk_usage(tmp_path).free // 4)  # a sparse file: it takes no space
    requirements.write_text("a==1 --hash=sha256:aa\n", encoding="ascii")
    large = Bundle(tmp_path, "1", "", 1, 1, {"wheels/a-1-py3-none-any.whl": "aa"})
    with pytest.raises(InstallError, match="Nothing was changed"):
        release.require_free_space(large, requirements, layout)
    release.require_free_space(
        Bundle(tmp_path, "1", "", 1, 1, {"wheels/a-1-py3-none-any.whl": "bb"}), requirements, layout
    )


def test_a_release_that_cannot_be_built_leaves_no_files(tmp_path: Path) -> None:
    """The bundle has no wheels, so pip fails. The running version is not changed."""
    layout, folder = installed(tmp_path / "device"), tmp_path / "bundle"
    for name in ("installer", "system", "wheels"):
        (folder / name).mkdir(parents=True)
    for name in ("manifest.json", "install.sh", "kiosk.example.toml"):
        (folder / name).touch()
    (folder / "requirements-x86_64-cp311.txt").touch()
    machine = Machine("bookworm", "x86_64", "311", raspberry_pi=False)
    with pytest.raises((InstallError, ValueError)):
        release.build_release(Bundle(folder, "9", "c" * 64, 1, 1, {}), layout, machine)
    assert sorted(path.name for path in layout.releases_dir.iterdir()) == ["one", "two"]
    assert runs(layout) == "one"
    with pytest.raises(InstallError, match="make bundle"):
        release.build_release(
            Bundle(folder, "9", "c" * 64, 1, 1, {}), layout, Machine("trixie", "aarch64", "313", raspberry_pi=False)
        )


def test_a_folder_that_is_not_a_bundle_gives_the_command_that_builds_one(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="make bundle"):
        bundles.read_bundle(tmp_path)


@pytest.mark.parametrize(("python", "pins"), [("311", True), ("313", False)])
def test_a_bundle_has_simplejpeg_for_numpy_2_and_lgpio_where_there_is_a_wheel(python: str, *, pins: bool) -> None:
    lines = list(locked_requirements(PROJECT, python))
    names = [line.split("==")[0] for line in lines]
    assert len(names) == len(set(names)), "one version of each"
    assert {"simplejpeg", "numpy", "pip", "zxing-cpp"} <= set(names)
    assert ("lgpio" in names) is pins
    assert "picamera2" not in names, "apt installs it with libcamera"
    assert all("--hash=sha256:" in line for line in lines)
    assert next(line for line in lines if line.startswith("numpy==")).startswith("numpy==2.")


def test_old_and_incomplete_releases_are_removed(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    upgrade.switch_release("two", layout, FakeSystemd(), ready)
    a_release(layout, "zero")
    (layout.releases_dir / "half").mkdir()
    release.remove_incomplete_releases(layout)
    assert sorted(path.name for path in layout.releases_dir.iterdir()) == ["one", "two", "zero"]
    release.prune_releases(layout)
    assert sorted(path.name for path in layout.releases_dir.iterdir()) == ["one", "two"]
