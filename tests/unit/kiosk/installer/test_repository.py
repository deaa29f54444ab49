"""The signed repository: apt installs from it, and refuses whatever was changed on the way."""

import gzip
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kiosk.installer.bundle import repository
from kiosk.installer.bundle.deb import Package, build_deb
from tests.paths import PROJECT

NEEDED = ("apt-get", "dpkg-deb", "gpg", "gpgconf")
pytestmark = pytest.mark.skipif(any(shutil.which(name) is None for name in NEEDED), reason="no apt or gpg here")
SUITE = "bookworm"


@pytest.fixture(scope="module")
def signing_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("key")
    repository.make_signing_key(home)
    return home


def architecture() -> str:
    return subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout.strip()


def a_package(folder: Path, name: str = "entrance-kiosk-test", version: str = "1.0") -> Path:
    root = folder / f"root-{name}-{version}"
    (root / "usr/share/test").mkdir(parents=True)
    (root / "usr/share/test/file").write_text(version, encoding="ascii")
    return build_deb(Package(name, version, "all", "a test", "A test."), root, None, folder)


def a_repository(folder: Path, home: Path, *, version: str = "1.0") -> Path:
    target = folder / "stick"
    debs = repository.add_to_pool(target, [a_package(folder, version=version)])
    repository.write_suite(target, SUITE, {architecture(): debs}, date_s=1_700_000_000, signing_home=home)
    repository.export_key(home, target)
    return target


class Apt:
    """An apt of its own: it changes nothing on this machine."""

    def __init__(self, folder: Path, stick: Path, key: Path) -> None:
        self.folder = folder
        for name in ("lists/partial", "archives/partial", "etc"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()
        (folder / "sources.list").write_text(
            f"deb [signed-by={key} check-date=no check-valid-until=no] file:{stick} {SUITE} main\n", encoding="utf-8"
        )
        settings = {
            "Dir::Etc": folder / "etc", "Dir::Etc::sourcelist": folder / "sources.list", "Dir::Etc::sourceparts": "-",
            "Dir::State": folder, "Dir::State::lists": folder / "lists", "Dir::State::status": folder / "status",
            "Dir::Cache": folder, "Dir::Cache::archives": folder / "archives", "APT::Sandbox::User": "root",
            "Acquire::Languages": "none", "Debug::NoLocking": "1",
        }  # fmt: skip
        self._options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        command = ["apt-get", "-q", *self._options, *words]
        return subprocess.run(command, cwd=self.folder, env=environment, check=False, capture_output=True, text=True)

    def accepts(self, name: str = "entrance-kiosk-test") -> bool:
        """Whether apt takes index and package."""
        return self.run("update").returncode == 0 and self.run("download", name).returncode == 0


def test_apt_takes_a_package_from_the_folder(tmp_path: Path, signing_home: Path) -> None:
    stick = a_repository(tmp_path, signing_home)
    apt = Apt(tmp_path / "apt", stick, stick / repository.KEY_FILE)
    assert apt.accepts(), apt.run("update").stderr
    assert list((tmp_path / "apt").glob("*.deb"))


def flip(path: Path, at: float = 0.5) -> None:
    content = bytearray(path.read_bytes())
    content[int(len(content) * at)] ^= 1
    path.write_bytes(content)


def dist(stick: Path) -> Path:
    return stick / "dists" / SUITE


def deb_of(stick: Path) -> Path:
    (deb,) = (stick / "pool").glob("*.deb")
    return deb


def package_flipped(stick: Path) -> None:
    flip(deb_of(stick))


def package_of_another_content(stick: Path) -> None:
    target = deb_of(stick)
    shutil.copyfile(a_package(stick.parent / "other", version="1.0+planted"), target)


def package_cut_short(stick: Path) -> None:
    deb_of(stick).write_bytes(deb_of(stick).read_bytes()[:-20])


def package_missing(stick: Path) -> None:
    deb_of(stick).unlink()


def index_flipped(stick: Path) -> None:
    for path in dist(stick).rglob("Packages*"):
        flip(path)


def index_with_another_sum(stick: Path) -> None:
    planted = a_package(stick.parent / "other", version="9")
    shutil.copyfile(planted, stick / "pool" / planted.name)
    for path in dist(stick).rglob("Packages"):
        path.write_text(
            path.read_text(encoding="utf-8") + "\n" + repository._stanza(stick / "pool" / planted.name, stick)
        )
        path.with_suffix(".gz").write_bytes(gzip.compress(path.read_bytes()))


def index_missing(stick: Path) -> None:
    for path in dist(stick).rglob("Packages*"):
        path.unlink()


def release_changed(stick: Path) -> None:
    for name in ("InRelease", "Release"):
        path = dist(stick) / name
        path.write_text(
            re.sub(r"(?m)^ [0-9a-f]{64} ", f" {'0' * 64} ", path.read_text(encoding="utf-8")), encoding="utf-8"
        )


def signature_removed(stick: Path) -> None:
    for name in ("InRelease", "Release.gpg"):
        (dist(stick) / name).unlink()


def signature_of_another_key(stick: Path) -> None:
    """The attacker signs everything with a key of their own, and puts it beside."""
    home = stick.parent / "foreign-key"
    repository.make_signing_key(home)
    debs = {architecture(): [deb_of(stick)]}
    repository.write_suite(stick, SUITE, debs, date_s=1_800_000_000, signing_home=home)
    repository.export_key(home, stick)


def signature_flipped(stick: Path) -> None:
    for name in ("InRelease", "Release.gpg"):
        flip(dist(stick) / name, 0.8)


def signed_text_with_lines_added(stick: Path) -> None:
    path = dist(stick) / "InRelease"
    path.write_text("Suite: planted\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    (dist(stick) / "Release.gpg").unlink()


TAMPERINGS = [
    package_flipped, package_of_another_content, package_cut_short, package_missing, index_flipped, index_with_another_sum,
    index_missing, release_changed, signature_removed, signature_of_another_key, signature_flipped, signed_text_with_lines_added,
]  # fmt: skip


@pytest.mark.parametrize("tamper", TAMPERINGS)
@pytest.mark.parametrize("when", ["first trust", "later"])
def test_whatever_was_changed_on_a_stick_is_refused_by_apt(
    tmp_path: Path, signing_home: Path, tamper: Callable[[Path], None], when: str
) -> None:
    stick = a_repository(tmp_path, signing_home)
    (tmp_path / "other").mkdir()
    key = tmp_path / "trusted.gpg"
    shutil.copyfile(stick / repository.KEY_FILE, key)
    apt = Apt(tmp_path / "apt", stick, key)
    if when == "later":
        assert apt.accepts()
        for deb in (tmp_path / "apt").glob("*.deb"):
            deb.unlink()
        (tmp_path / "other-source").mkdir()
    tamper(stick)
    accepted = apt.accepts()
    planted = list((tmp_path / "apt").glob("*.deb"))
    if accepted:  # apt may go on with the index that it has, and then with the true package alone
        assert when == "later"
        assert [deb.read_bytes() for deb in planted] == [a_package(tmp_path / "other", version="1.0").read_bytes()]
    else:
        assert planted == []


def test_a_package_that_is_not_in_the_index_is_not_seen(tmp_path: Path, signing_home: Path) -> None:
    stick = a_repository(tmp_path, signing_home)
    (tmp_path / "other").mkdir()
    planted = a_package(tmp_path / "other", name="entrance-kiosk-planted")
    shutil.copyfile(planted, stick / "pool" / planted.name)
    assert not Apt(tmp_path / "apt", stick, stick / repository.KEY_FILE).accepts("entrance-kiosk-planted")


def test_the_fingerprint_that_install_sh_computes_is_the_one_of_gpg(tmp_path: Path, signing_home: Path) -> None:
    """install.sh has no gpg on a minimal system."""
    text = (PROJECT / "install.sh").read_text(encoding="utf-8")
    function = text[text.index("key_fingerprint() {") : text.index("plain() {")]
    key = repository.export_key(signing_home, tmp_path)
    done = subprocess.run(
        ["sh", "-c", f'{function}\nkey_fingerprint "$1"', "sh", key], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == repository.fingerprint(signing_home).replace(" ", "")
    key.write_bytes(b"no key at all")
    assert subprocess.run(
        ["sh", "-c", f'{function}\nkey_fingerprint "$1"', "sh", key], check=False, capture_output=True
    ).returncode


def test_a_key_is_made_once(signing_home: Path) -> None:
    before = repository.fingerprint(signing_home)
    repository.make_signing_key(signing_home)
    assert repository.fingerprint(signing_home) == before
