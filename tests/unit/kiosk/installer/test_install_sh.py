"""install.sh runs nothing that another user could have put there, and copies no modes or links from a stick."""

import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from kiosk.installer import initial_config, release
from kiosk.installer.bundle import content
from kiosk.installer.bundle.build import copy_installer
from kiosk.installer.bundle.content import Bundle
from kiosk.installer.errors import InstallError
from kiosk.installer.layout import InstallLayout
from tests.paths import PROJECT

PLANTED = "import sys\nsys.stderr.write('planted code ran\\n')\n"
IMPORTED = ("venv", "argparse", "hashlib", "os", "runpy", "sys", "json", "tempfile", "sitecustomize", "usercustomize")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "entrance-kiosk-1.0"
    copy_installer(PROJECT, folder / "installer")
    shutil.copy(PROJECT / "install.sh", folder)
    (folder / "manifest.json").write_text("{}", encoding="ascii")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def run(script: Path | str, *options: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", script, *options],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **environment},
        check=False,
        capture_output=True,
        text=True,
    )


def plant(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name in IMPORTED:
        (folder / f"{name}.py").write_text(PLANTED, encoding="ascii")
    for package in ("kiosk", "installer", "kiosk/installer"):
        (folder / package).mkdir()
        for name in ("__init__.py", "__main__.py"):
            (folder / package / name).write_text(PLANTED, encoding="ascii")
    for command in ("python3", "find", "id", "tr", "dirname"):
        (folder / command).write_text("#!/bin/sh\necho planted code ran >&2\n", encoding="ascii")
        (folder / command).chmod(0o755)


def test_nothing_is_imported_from_the_current_folder_or_from_the_environment(bundle: Path, tmp_path: Path) -> None:
    hostile = tmp_path / "shared"
    plant(hostile)
    done = run(
        f"../{bundle.name}/install.sh",
        "--help",
        cwd=hostile,
        PYTHONPATH=str(hostile),
        PYTHONHOME="",
        PYTHONSTARTUP=str(hostile / "venv.py"),
        CDPATH=str(hostile),
    )
    assert done.returncode == 0, done.stderr
    assert "--uninstall" in done.stdout
    assert "planted" not in done.stderr


def test_a_module_of_the_standard_library_in_the_bundle_is_not_imported(bundle: Path) -> None:
    (bundle / "installer/argparse.py").write_text(PLANTED, encoding="ascii")
    assert "planted" not in run(bundle / "install.sh", "--help", cwd=bundle).stderr


def open_folder(bundle: Path) -> Path:
    bundle.chmod(0o777)
    return bundle


def open_file(bundle: Path) -> Path:
    (bundle / "installer/kiosk/installer/errors.py").chmod(0o666)
    return bundle / "installer/kiosk/installer/errors.py"


def open_parent(bundle: Path) -> Path:
    bundle.parent.chmod(0o777)
    return bundle.parent


def a_link(bundle: Path) -> Path:
    (bundle / "installer/extra.py").symlink_to("/etc/hostname")
    return bundle / "installer/extra.py"


def a_pipe(bundle: Path) -> Path:
    os.mkfifo(bundle / "extra")
    return bundle / "extra"


@pytest.mark.parametrize("spoil", [open_folder, open_file, open_parent, a_link, a_pipe])
def test_a_bundle_that_other_users_can_change_is_not_run(bundle: Path, spoil: Callable[[Path], Path]) -> None:
    (bundle / "installer/kiosk/installer/__main__.py").write_text(PLANTED, encoding="ascii")
    culprit = spoil(bundle)
    done = run(bundle / "install.sh", "--yes", cwd=bundle)
    assert done.returncode == 1
    assert f"Other users can change {culprit}" in done.stderr
    assert "planted" not in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
@pytest.mark.parametrize("sudo_uid", ["", "0", "x; -o -true", "4711"])
def test_a_bundle_of_another_user_runs_only_for_the_user_of_sudo(bundle: Path, sudo_uid: str) -> None:
    os.chown(bundle / "installer/kiosk/installer/errors.py", 4711, 4711)
    done = run(bundle / "install.sh", "--help", cwd=bundle, SUDO_UID=sudo_uid)
    assert ("Other users can change" in done.stderr) == (sudo_uid != "4711")


def test_a_sticky_folder_above_the_bundle_may_be_open_to_all(bundle: Path) -> None:
    bundle.parent.chmod(0o1777)
    assert run(bundle / "install.sh", "--help", cwd=bundle).returncode == 0


def test_a_tar_with_open_modes_is_unpacked_with_safe_ones(bundle: Path, tmp_path: Path) -> None:
    for path in (bundle, *bundle.rglob("*")):
        path.chmod(0o777)
    with tarfile.open(tmp_path / "bundle.tar", "w") as tar:
        tar.add(bundle, arcname=bundle.name)
    done = run(PROJECT / "install.sh", str(tmp_path / "bundle.tar"), "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "--uninstall" in done.stdout


def test_a_release_has_modes_of_its_own_and_only_files_of_the_manifest(bundle: Path, tmp_path: Path) -> None:
    (bundle / "kiosk.example.toml").write_text("", encoding="ascii")
    (bundle / "system/systemd").mkdir(parents=True)
    (bundle / "system/systemd/kiosk.service").write_text("[Service]\n", encoding="ascii")
    files = {str(path.relative_to(bundle)): "" for path in bundle.rglob("*") if path.is_file()}
    (bundle / "system/systemd/planted.service").write_text("[Service]\n", encoding="ascii")
    for path in (bundle, *bundle.rglob("*")):
        path.chmod(0o777)
    target = tmp_path / "release"
    release.copy_parts(target, Bundle(bundle, "1.0", "ab" * 32, 1, 1, files))
    modes = {str(path.relative_to(target)): path.stat().st_mode & 0o7777 for path in target.rglob("*")}
    assert "system/systemd/planted.service" not in modes
    assert modes.pop("install.sh") == 0o755
    assert {mode for name, mode in modes.items() if (target / name).is_file()} == {0o644}
    assert not any(mode & 0o022 for mode in modes.values())


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "a/../../outside"])
def test_a_manifest_names_only_files_inside_its_bundle(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "bundle"
    (folder / "a").mkdir(parents=True)
    (tmp_path / "outside").write_bytes(b"x")
    files = {name: content.file_sha256(folder / name)}
    with pytest.raises(InstallError, match="damaged"):
        content.verify_bundle(Bundle(folder, "1.0", content.bundle_digest(files), 1, 1, files))


def test_a_link_in_place_of_a_file_of_the_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").symlink_to("/etc/hostname")
    files = {"x": content.file_sha256(Path("/etc/hostname"))}
    with pytest.raises(InstallError, match="damaged"):
        content.verify_bundle(Bundle(tmp_path, "1.0", content.bundle_digest(files), 1, 1, files))


PEM = "-----BEGIN {}-----\nMC4=\n-----END {}-----\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("GATE-1.KEY", "00"),
        ("gate-1.Key", "00"),
        ("gate-1-key.pem", "00"),
        ("GATE-1-KEY.PEM", "00"),
        ("gate_key.der", "00"),
        ("gate-1.pem", PEM.replace("{}", "PRIVATE KEY")),
        ("both.crt", PEM.replace("{}", "CERTIFICATE") + PEM.replace("{}", "EC PRIVATE KEY")),
        ("locked.txt", PEM.replace("{}", "ENCRYPTED PRIVATE KEY")),
        ("root", PEM.replace("{}", "OPENSSH PRIVATE KEY")),
    ],
)
def test_a_private_key_of_any_name_is_for_root_only(tmp_path: Path, name: str, text: str) -> None:
    stick, layout = tmp_path / "stick", InstallLayout(tmp_path / "root")
    stick.mkdir()
    (stick / name).write_text(text, encoding="ascii")
    (stick / name).chmod(0o777)
    initial_config.install_keys(layout, stick)
    key = layout.config_dir / "private" / name
    assert key.stat().st_mode & 0o7777 == 0o400
    assert key.parent.stat().st_mode & 0o7777 == 0o700
    assert not (layout.config_dir / name).exists()


def test_a_link_on_a_stick_is_not_followed_and_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stick, layout = tmp_path / "stick", InstallLayout(tmp_path / "root")
    stick.mkdir()
    (tmp_path / "secret").write_text("secret", encoding="ascii")
    (stick / "extra.pem").symlink_to(tmp_path / "secret")
    (stick / "trust-list.cose").write_bytes(b"list")
    assert initial_config.install_keys(layout, stick) == ["trust-list.cose", "pseudonym.key"]
    assert "extra.pem is a link" in capsys.readouterr().err


def test_a_folder_of_keys_that_is_not_there_ends_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="cannot be read"):
        initial_config.install_keys(InstallLayout(tmp_path / "root"), tmp_path / "stick")
