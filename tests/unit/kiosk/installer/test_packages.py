"""Our packages as dpkg-deb makes them: their files, their relations, their scripts."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from kiosk.installer.bundle import packages, release_tree
from kiosk.installer.bundle.deb import build_deb
from kiosk.installer.bundle.suites import SUITES
from kiosk.installer.layout import InstallLayout
from kiosk.installer.systemd import TRIAL_UNIT, WATCHED_UNITS
from tests.paths import PROJECT

FOLDER = PROJECT / "debian_packages"
SCRIPTS = sorted(path for path in FOLDER.glob("*/*") if path.name in ("preinst", "postinst", "prerm", "postrm"))
SHELL = (*SCRIPTS, FOLDER / "entrance-kiosk/kiosk", FOLDER / "entrance-kiosk/generator", PROJECT / "install.sh")
pytestmark = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb here")
needs_shellcheck = pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck here")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("packages")
    out = folder / "out"
    out.mkdir()
    return {path.name.partition("_")[0]: path for path in packages.build_common_packages(PROJECT, "1.2.3", folder, out)}


def field(deb: Path, name: str) -> str:
    return subprocess.run(["dpkg-deb", "--field", deb, name], check=True, capture_output=True, text=True).stdout.strip()


def entries(deb: Path) -> dict[str, str]:
    """Path -> mode and owner."""
    lines = subprocess.run(["dpkg-deb", "--contents", deb], check=True, capture_output=True, text=True).stdout
    split = (line.split(maxsplit=5) for line in lines.splitlines())
    return {parts[5].removeprefix("."): f"{parts[0]} {parts[1]}" for parts in split}


def unpacked(deb: Path, folder: Path) -> Path:
    subprocess.run(["dpkg-deb", "--extract", deb, folder], check=True)
    return folder


@pytest.mark.parametrize("name", packages.ALL)
def test_every_file_belongs_to_root_and_only_root_can_change_it(built: dict[str, Path], name: str) -> None:
    found = entries(built[name])
    assert found
    for path, mode in found.items():
        assert mode.endswith("root/root"), path
        assert mode[5] == mode[8] == "-" or mode[0] == "l", path


@pytest.mark.parametrize("name", packages.ALL)
def test_files_of_a_package_stand_where_packages_put_them(built: dict[str, Path], name: str) -> None:
    conffiles = FOLDER / name / "conffiles"
    named = set(conffiles.read_text(encoding="ascii").split()) if conffiles.exists() else set()
    files = {path for path in entries(built[name]) if not path.endswith("/")}
    assert {path for path in files if path.startswith("/etc/")} == named, "files in /etc keep the edits of the owner"
    assert all(path.startswith(("/usr/", "/etc/")) for path in files)
    assert not [path for path in files if path.startswith("/usr/local")]


def test_programs_of_a_package_can_be_executed_whatever_the_modes_of_the_checkout(built: dict[str, Path]) -> None:
    found = entries(built["entrance-kiosk"])
    for path in (
        "/usr/bin/kiosk",
        "/usr/lib/systemd/system-generators/entrance-kiosk",
        "/usr/lib/entrance-kiosk/install.sh",
    ):
        assert found[path].startswith("-rwxr-xr-x"), path


def test_the_version_stands_in_relations_and_in_the_tool(built: dict[str, Path], tmp_path: Path) -> None:
    assert field(built["entrance-kiosk"], "Version") == "1.2.3"
    assert field(built["entrance-kiosk"], "Recommends") == "entrance-kiosk-1.2.3"
    assert "entrance-kiosk-1.2.3" in field(built["entrance-centre"], "Depends")
    root = unpacked(built["entrance-kiosk"], tmp_path / "root")
    assert (root / "usr/lib/entrance-kiosk/release").read_text(encoding="ascii") == "1.2.3\n"
    centre = unpacked(built["entrance-centre"], tmp_path / "centre") / "usr/lib/entrance-centre/kiosk"
    assert "/releases/1.2.3/venv/bin/kiosk" in centre.read_text(encoding="ascii")


@pytest.mark.parametrize("suite", SUITES)
def test_a_release_needs_the_python_that_it_was_built_for(suite: str) -> None:
    package = packages.release_package("1.2.3", SUITES[suite], "aarch64")
    python = {"bookworm": ("3.11", "3.12"), "trixie": ("3.13", "3.14")}[suite]
    assert f"python3 (>= {python[0]}), python3 (<< {python[1]})" in package.relations["Depends"]
    assert "libzbar0" in package.relations["Depends"]
    assert (package.name, package.architecture) == ("entrance-kiosk-1.2.3", "arm64")


def test_the_package_of_the_next_debian_is_newer() -> None:
    versions = [packages.release_package("1.2.3", suite, "x86_64").version for suite in SUITES.values()]
    command = ["dpkg", "--compare-versions", versions[0], "lt", versions[1]]
    assert subprocess.run(command, check=False).returncode == 0


def test_the_same_files_give_the_same_package(built: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for path in packages.build_common_packages(PROJECT, "1.2.3", tmp_path, tmp_path / "out"):
        assert path.read_bytes() == built[path.name.partition("_")[0]].read_bytes(), path.name


def test_a_release_has_files_below_its_own_folder_only_and_libraries_that_cannot_be_executed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    folder = root / release_tree.RELEASES / "1.2.3"
    library = folder / "venv/lib/python3.11/site-packages/x.cpython-311-x86_64-linux-gnu.so"
    library.parent.mkdir(parents=True)
    library.write_bytes(b"x")
    library.chmod(0o777)
    release_tree.write_build(folder, "1.2.3", SUITES["bookworm"], (5, 4), PROJECT)
    package = packages.release_package("1.2.3", SUITES["bookworm"], "x86_64")
    deb = build_deb(package, root, FOLDER / "entrance-kiosk-VERSION", tmp_path)
    found = {path: mode for path, mode in entries(deb).items() if not path.endswith("/")}
    ours = {path for path in found if not path.startswith("/usr/share/")}
    assert ours
    assert all(path.startswith("/opt/entrance-kiosk/releases/1.2.3/") for path in ours)
    assert next(mode for path, mode in found.items() if path.endswith(".so")).startswith("-rw-r--r--")
    assert {Path(path).name for path in ours} >= {*WATCHED_UNITS, "build.json", "kiosk.example.toml"}
    script = subprocess.run(["dpkg-deb", "--info", deb, "prerm"], check=True, capture_output=True, text=True).stdout
    assert "= releases/1.2.3 ]" in script


def test_the_tool_runs_with_the_standard_library_alone(built: dict[str, Path], tmp_path: Path) -> None:
    root = unpacked(built["entrance-kiosk"], tmp_path / "root")
    python = Path(sys.base_prefix) / "bin/python3"
    command: list[str | Path] = [python, "-I", "-S", "-B", root / "usr/lib/entrance-kiosk", "release", "--help"]
    done = subprocess.run(command, env={}, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "switch" in done.stdout
    assert not list(root.rglob("__pycache__"))
    assert not list(root.rglob("bundle")), "what builds packages stays at home"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(("language", "said"), [("C.UTF-8", "Type"), ("vi_VN.UTF-8", "Hãy gõ")])
def test_an_ordinary_user_is_told_to_use_sudo(language: str, said: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "entrance-kiosk").mkdir(mode=0o750)
        text = (FOLDER / "entrance-kiosk/kiosk").read_text(encoding="utf-8")
        text = text.replace("/etc/entrance-kiosk", str(folder / "entrance-kiosk"))
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-s", "status", "--json"]
        environment = {"PATH": os.environ["PATH"], "LANG": language}
        done = subprocess.run(
            command, input=text, env=environment, check=False, capture_output=True, text=True, cwd="/"
        )
    assert (done.returncode, done.stderr.strip()) == (1, f"{said}: sudo kiosk status --json")


PLANTED = "import sys\nsys.stderr.write('planted code ran\\n')\n"


def test_nothing_is_imported_from_the_current_folder_or_from_the_environment(
    built: dict[str, Path], tmp_path: Path
) -> None:
    root, hostile = unpacked(built["entrance-kiosk"], tmp_path / "root"), tmp_path / "hostile"
    hostile.mkdir()
    for name in ("argparse", "json", "os", "sys", "sitecustomize", "usercustomize", "kiosk"):
        (hostile / f"{name}.py").write_text(PLANTED, encoding="ascii")
    python = Path(sys.base_prefix) / "bin/python3"
    command: list[str | Path] = [python, "-I", "-S", "-B", root / "usr/lib/entrance-kiosk", "setup", "--help"]
    environment = {"PYTHONPATH": str(hostile), "PYTHONSTARTUP": str(hostile / "os.py")}
    done = subprocess.run(command, env=environment, cwd=hostile, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--credentials-dir" in done.stdout
    assert "planted" not in done.stderr


@pytest.mark.parametrize("words", [["setup", "--ye"], ["release", "--swi"], ["setup", "--cred", "x"], ["nothing"]])
def test_no_flag_can_be_abbreviated_and_a_wrong_word_is_status_2(
    built: dict[str, Path], tmp_path: Path, words: list[str]
) -> None:
    root = unpacked(built["entrance-kiosk"], tmp_path / "root")
    command: list[str | Path] = [sys.executable, "-I", "-S", "-B", root / "usr/lib/entrance-kiosk", *words]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 2


@pytest.mark.skipif(shutil.which("lintian") is None, reason="no lintian here")
def test_lintian_finds_no_error(built: dict[str, Path]) -> None:
    command: list[str | Path] = ["lintian", "--allow-root", "--fail-on", "error", *built.values()]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@needs_shellcheck
@pytest.mark.parametrize("path", SHELL, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_shell_script_is_clean(path: Path) -> None:
    done = subprocess.run(["shellcheck", path], check=False, capture_output=True, text=True)
    assert done.stdout == ""


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_maintainer_script_waits_for_the_kiosk(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for word in ("sleep", "--wait", "read -r", "wait"):
        assert f"{word} " not in text.replace("Waits for nothing", "").replace("waits for", ""), word


@pytest.mark.parametrize("unit", sorted(path.name for path in (PROJECT / "systemd").glob("*.*") if path.is_file()))
def test_every_unit_is_in_one_package_and_enabled_and_forgotten_where_it_starts_at_power_on(unit: str) -> None:
    texts = {path.parent.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("entrance-kiosk*/install")}
    (package,) = [name for name, text in texts.items() if f"systemd/{unit} " in text]
    text = (PROJECT / "systemd" / unit).read_text(encoding="utf-8")
    if "[Install]" in text:
        assert unit in (FOLDER / package / "postrm").read_text(encoding="utf-8")
    if re.search(r"^WantedBy=(multi-user|timers)\.target$", text, re.MULTILINE):  # others are enabled by their owner
        assert unit in (FOLDER / package / "postinst").read_text(encoding="utf-8")


def test_the_recover_unit_runs_at_power_on_before_all_our_other_units() -> None:
    text = (PROJECT / "systemd/entrance-kiosk-recover.service").read_text(encoding="utf-8")
    settings = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    assert set(settings["Before"].split()) == {*WATCHED_UNITS, TRIAL_UNIT, "shutdown.target"}
    assert Path(settings["ConditionPathExists"]) == InstallLayout().upgrade_journal
    assert settings["ExecStart"].endswith("/usr/lib/entrance-kiosk recover --booting")


def test_the_units_of_the_kiosk_run_programs_by_the_link_to_the_current_release() -> None:
    for unit in (PROJECT / "systemd").glob("kiosk*.service"):
        lines = unit.read_text(encoding="utf-8").splitlines()
        programs = [line.partition("=")[2].lstrip("-").split()[0] for line in lines if line.startswith("Exec")]
        assert programs
        assert all(Path(program).parent == InstallLayout().venv_link / "bin" for program in programs), unit


def test_the_generator_gives_units_of_the_running_release_only_where_they_differ(tmp_path: Path) -> None:
    text = (FOLDER / "entrance-kiosk/generator").read_text(encoding="utf-8")
    release, package, out = tmp_path / "release", tmp_path / "package", tmp_path / "out"
    for folder in (release, package, out):
        folder.mkdir()
    script = tmp_path / "generator"
    script.write_text(
        text.replace("/opt/entrance-kiosk/current/systemd", str(release)).replace(
            "/usr/lib/systemd/system", str(package)
        ),
        encoding="utf-8",
    )
    for name, ours, theirs in (("a.service", "1", "1"), ("b.service", "1", "2"), ("c.timer", "1", None)):
        (release / name).write_text(ours, encoding="ascii")
        if theirs:
            (package / name).write_text(theirs, encoding="ascii")
    subprocess.run(["sh", script, out, out, out], check=True)
    assert {path.name: path.read_text(encoding="ascii") for path in out.iterdir()} == {"b.service": "1", "c.timer": "1"}
    shutil.rmtree(release)
    assert subprocess.run(["sh", script, out, out, out], check=False).returncode == 0
