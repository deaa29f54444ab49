"""The installer's parts that need no board: files that survive a cut, the way from one version to the next and back."""

import itertools
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from kiosk import config
from kiosk.installing import bundle as bundles
from kiosk.installing import device, durable, readiness, records, release, settings, system_files, upgrade
from kiosk.installing.bundle import Bundle
from kiosk.installing.device import Machine
from kiosk.installing.layout import Layout
from kiosk.installing.make_bundle import locked
from kiosk.installing.readiness import Readiness
from kiosk.installing.trouble import InstallTrouble
from kiosk.store import database

PROJECT = Path(__file__).parents[1]
KIOSK_UNIT = "etc/systemd/system/kiosk.service"


class PowerCut(BaseException):
    """Nothing after it happens."""


class FakeSystemd:
    """Remembers what was asked; `at` says at which request the power goes."""

    def __init__(self, at: int | None = None) -> None:
        self.asked: list[str] = []
        self.enables_in: list[Path] = []
        self._left = at

    def _ask(self, what: str) -> None:
        if self._left is not None:
            if self._left == 0:
                raise PowerCut
            self._left -= 1
        self.asked.append(what)

    def stop(self, units: Sequence[str]) -> None:
        self._ask("stop")

    def start(self, units: Sequence[str]) -> None:
        self._ask("start " + " ".join(units))

    def reload(self) -> None:
        self._ask("reload")

    def enable(self, units: Sequence[str]) -> None:
        self._ask("enable " + " ".join(units))
        for wants in self.enables_in:
            wants.mkdir(parents=True, exist_ok=True)
            for unit in units:
                (wants / unit).symlink_to(f"../{unit}")

    def disable(self, units: Sequence[str]) -> None:
        self._ask("disable")

    def main_pid(self, unit: str) -> int:
        return 7


def a_release(layout: Layout, name: str, *, unit: str = "", extra: str | None = None) -> Path:
    """A complete release with the project's own system files; its kiosk.service ends in `unit`."""
    folder = layout.releases / name
    for part in ("systemd", "firmware_config"):
        for path in (PROJECT / part).rglob("*"):
            if path.is_file():
                target = folder / "system" / path.relative_to(PROJECT)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    with (folder / "system/systemd/kiosk.service").open("a", encoding="utf-8") as file:
        file.write(f"# {unit}\n")
    if extra:
        (folder / "system/systemd" / extra).write_text(
            "[Unit]\n\n[Install]\nWantedBy=multi-user.target\n", encoding="utf-8"
        )
    (folder / "complete").touch()
    return folder


def installed(root: Path) -> Layout:
    """A device on which release `one` runs and `two` lies ready."""
    layout = Layout(root)
    a_release(layout, "one", unit="one")
    a_release(layout, "two", unit="two", extra="kiosk-news.service")
    upgrade.put_in_force("one", layout, FakeSystemd())
    return layout


def ready(_known: frozenset[str]) -> Readiness:
    return Readiness(ready=True, state="ready", seconds=1.0)


def never(_known: frozenset[str]) -> Readiness:
    return Readiness(ready=False, state="not running", seconds=120.0)


def runs(layout: Layout) -> str:
    """Which release is in force: link and units must agree."""
    name = release.name_of(layout.current)
    assert name is not None
    assert (layout.root / KIOSK_UNIT).read_text(encoding="utf-8").endswith(f"# {name}\n")
    assert (layout.root / "etc/systemd/system/kiosk-news.service").exists() == (name == "two")
    return name


def test_a_version_that_becomes_ready_runs_with_its_own_units(tmp_path: Path) -> None:
    layout, systemd = installed(tmp_path), FakeSystemd()
    assert upgrade.switch("two", layout, systemd, ready)
    assert (runs(layout), release.name_of(layout.previous)) == ("two", "one")
    assert systemd.asked[0] == "stop"
    assert systemd.asked[-1].startswith("start")
    assert "enable kiosk-news.service" in systemd.asked
    assert not layout.journal.exists()


def test_a_version_that_does_not_become_ready_is_taken_back(tmp_path: Path) -> None:
    layout, systemd = installed(tmp_path), FakeSystemd()
    assert not upgrade.switch("two", layout, systemd, never)
    assert runs(layout) == "one"
    assert systemd.asked[-1].startswith("start")
    assert not layout.journal.exists()
    told = durable.read_json(layout.outcome)
    assert told is not None
    assert (told["outcome"], told["why"]) == ("returned", "not ready: not running")


def test_wherever_an_upgrade_is_cut_the_next_power_on_finds_one_whole_version(tmp_path: Path) -> None:
    ends = set()
    for at in itertools.count():
        layout, systemd = installed(tmp_path / str(at)), FakeSystemd(at=at)
        try:
            upgrade.switch("two", layout, systemd, ready)
        except PowerCut:
            upgrade.recover(layout, FakeSystemd(), why="interrupted", booting=True)
            ends.add(runs(layout))
            assert not layout.journal.exists()
        else:
            assert at == len(systemd.asked)
            break
    assert ends == {"one"}


def test_a_recovery_that_is_cut_itself_is_done_again(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    with pytest.raises(PowerCut):
        upgrade.switch("two", layout, FakeSystemd(at=3), ready)
    for at in (0, 1):
        with pytest.raises(PowerCut):
            upgrade.recover(layout, FakeSystemd(at=at), why="interrupted")
        assert layout.journal.exists()
    systemd = FakeSystemd()
    assert upgrade.recover(layout, systemd, why="interrupted") == "one"
    assert runs(layout) == "one"


def test_at_power_on_nothing_is_stopped_or_started_by_the_recovery(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    with pytest.raises(PowerCut):
        upgrade.switch("two", layout, FakeSystemd(at=3), ready)
    systemd = FakeSystemd()
    upgrade.recover(layout, systemd, why="interrupted", booting=True)
    assert systemd.asked == ["reload"]


def test_the_unit_that_goes_back_at_power_on_runs_before_every_other_one_of_ours_and_only_then() -> None:
    folder = PROJECT / "systemd"
    lines = (folder / "entrance-kiosk-recover.service").read_text(encoding="utf-8").splitlines()
    settings = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    started = {
        path.name for path in folder.glob("*.*") if path.is_file() and "[Install]" in path.read_text(encoding="utf-8")
    }
    assert set(settings["Before"].split()) == started - {"entrance-kiosk-recover.service"}
    assert Path(settings["ConditionPathExists"]) == Layout().journal
    assert settings["ExecStart"].endswith("-m installing recover --booting")
    assert settings["Environment"] == f"PYTHONPATH={Layout().current}"


def test_the_units_name_the_link_that_leads_to_the_version_in_force() -> None:
    for unit in (PROJECT / "systemd").glob("kiosk*.service"):
        programs = [
            line.partition("=")[2].lstrip("-").split()[0]
            for line in unit.read_text().splitlines()
            if line.startswith("Exec")
        ]
        assert programs
        assert all(Path(program).parent == Layout().venv / "bin" for program in programs), unit


def test_without_an_interrupted_upgrade_a_recovery_does_nothing(tmp_path: Path) -> None:
    layout, systemd = installed(tmp_path), FakeSystemd()
    assert upgrade.recover(layout, systemd, why="interrupted") is None
    assert systemd.asked == []


def test_a_journal_that_is_no_json_is_no_upgrade(tmp_path: Path) -> None:
    """It is written by one rename: half of one was never ours."""
    layout = installed(tmp_path)
    layout.journal.write_bytes(b'{"from"')
    assert upgrade.recover(layout, FakeSystemd(), why="interrupted") is None
    assert not layout.journal.exists()


def test_a_unit_that_its_owner_has_disabled_is_not_enabled_again(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    upgrade.switch("two", layout, FakeSystemd(), ready)
    systemd = FakeSystemd()
    upgrade.put_in_force("two", layout, systemd)
    assert systemd.asked == ["reload"]


def test_a_unit_that_only_the_version_taken_back_had_leaves_no_link_and_is_enabled_when_it_comes_again(
    tmp_path: Path,
) -> None:
    layout, systemd = installed(tmp_path), FakeSystemd()
    wants = tmp_path / "etc/systemd/system/multi-user.target.wants"
    systemd.enables_in = [wants]
    upgrade.switch("two", layout, systemd, never)
    assert not (wants / "kiosk-news.service").is_symlink()
    upgrade.switch("two", layout, systemd, ready)
    assert (wants / "kiosk-news.service").is_symlink()


def test_an_installation_that_was_cut_before_its_units_were_enabled_enables_them_the_next_time(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    a_release(layout, "one", unit="one")
    with pytest.raises(PowerCut):
        upgrade.put_in_force("one", layout, FakeSystemd(at=1))
    systemd = FakeSystemd()
    upgrade.put_in_force("one", layout, systemd)
    assert "kiosk.service" in systemd.asked[-1]


def test_what_was_placed_is_taken_away_again(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    stranger = tmp_path / "etc/systemd/system/ssh.service"
    stranger.write_text("[Unit]\n", encoding="ascii")
    system_files.take_away(layout)
    left = [path for path in tmp_path.rglob("*") if path.is_file() and layout.program not in path.parents]
    assert left == [stranger]


def test_configuration_of_software_that_is_not_there_is_not_placed(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    assert not (tmp_path / "etc/chrony").exists()
    (tmp_path / "etc/chrony/conf.d").mkdir(parents=True)
    upgrade.put_in_force("one", layout, FakeSystemd())
    assert (tmp_path / "etc/chrony/conf.d/entrance-kiosk.conf").is_file()


@pytest.mark.parametrize(
    ("said", "expected"), [("tmpfs:recurse=0", True), ("", False), ("disabled", False), (None, False)]
)
def test_the_guard_of_a_read_only_root_is_placed_where_the_root_is_one(
    tmp_path: Path, said: str | None, *, expected: bool
) -> None:
    layout = installed(tmp_path)
    if said is not None:
        (tmp_path / "etc/overlayroot.conf").write_text(f'# overlayroot="x"\noverlayroot="{said}"\n', encoding="ascii")
    upgrade.put_in_force("one", layout, FakeSystemd())
    assert (tmp_path / "etc/systemd/system/kiosk.service.d/read-only-root.conf").exists() == expected


def test_a_file_is_the_old_one_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "f"
    durable.write(path, b"old")
    draft = tmp_path / ".f.new"
    draft.write_bytes(b"ne")  # what a cut leaves
    assert path.read_bytes() == b"old"
    assert durable.write(path, b"new")
    assert path.read_bytes() == b"new"
    assert not draft.exists()
    assert not durable.write(path, b"new"), "nothing is written where nothing changes"


def snapshot(state: str, pid: int = 7, broken: Sequence[str] = ()) -> dict[str, Any]:
    return {"state": state, "pid": pid, "facts": [{"name": name, "grade": "broken"} for name in broken]}


@pytest.mark.parametrize(
    ("said", "pid", "pardoned", "expected"),
    [
        (snapshot("ready"), 7, (), True),
        (snapshot("degraded"), 7, (), True),
        (snapshot("starting"), 7, (), False),
        (snapshot("out-of-order", broken=["camera"]), 7, (), False),
        (snapshot("out-of-order", broken=["camera"]), 7, ("camera",), True),
        (snapshot("out-of-order", broken=["camera", "lamps"]), 7, ("camera",), False),
        (snapshot("ready", pid=6), 7, (), False),  # what a process that died left behind
        (snapshot("ready", pid=0), 0, (), False),
        (None, 7, (), False),
    ],
)
def test_ready_means_that_this_process_serves_people_or_that_only_the_device_is_to_blame(
    said: dict[str, Any] | None, pid: int, pardoned: tuple[str, ...], *, expected: bool
) -> None:
    assert readiness.is_ready(said, pid, frozenset(pardoned)) is expected


class Watched:
    """A clock that moves when somebody waits, and a daemon whose process ids and states follow a script."""

    def __init__(self, layout: Layout, script: Callable[[float], tuple[int, str]]) -> None:
        self.now_s = 0.0
        self._path = layout.at("/run/entrance-kiosk/status.json")
        self._path.parent.mkdir(parents=True)
        self._script = script

    def pause(self, seconds: float) -> None:
        self.now_s += seconds

    def main_pid(self, unit: str) -> int:
        pid, state = self._script(self.now_s)
        durable.write_json(self._path, snapshot(state, pid))
        return pid


class WatchedSystemd(FakeSystemd):
    def __init__(self, watched: Watched) -> None:
        super().__init__()
        self._watched = watched

    def main_pid(self, unit: str) -> int:
        return self._watched.main_pid(unit)


def watch(tmp_path: Path, script: Callable[[float], tuple[int, str]]) -> Readiness:
    layout = Layout(tmp_path)
    watched = Watched(layout, script)
    return readiness.wait(layout, WatchedSystemd(watched), clock=lambda: watched.now_s, pause=watched.pause)


def test_a_daemon_that_stays_ready_is_ready(tmp_path: Path) -> None:
    found = watch(tmp_path, lambda now_s: (7, "ready" if now_s >= 3 else "starting"))
    assert found == Readiness(ready=True, state="ready", seconds=3.0)


def test_a_daemon_that_falls_again_and_again_is_not_ready_although_it_is_in_between(tmp_path: Path) -> None:
    found = watch(tmp_path, lambda now_s: (int(now_s // 9) + 1, "ready" if now_s % 9 > 2 else "starting"))
    assert not found.ready
    assert 120 < found.seconds < 130


def test_a_daemon_that_does_not_run_is_given_two_minutes(tmp_path: Path) -> None:
    found = watch(tmp_path, lambda now_s: (0, "ready"))
    assert (found.ready, found.state) == (False, "not running")
    assert 120 <= found.seconds < 122


def a_bundle(folder: Path, *, schema: int = 1, oldest_writer: int = 1) -> Bundle:
    return Bundle(folder, "0.2.0", "ab" * 32, schema, oldest_writer, {})


def test_an_upgrade_that_could_not_be_taken_back_is_refused(tmp_path: Path) -> None:
    old = a_bundle(tmp_path, schema=2)
    records.must_be_returnable(a_bundle(tmp_path, schema=3, oldest_writer=2), old)
    with pytest.raises(InstallTrouble, match="no way back"):
        records.must_be_returnable(a_bundle(tmp_path, schema=3, oldest_writer=3), old)


def test_a_version_that_is_too_old_for_the_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InstallTrouble, match="too old"):
        records.must_be_returnable(a_bundle(tmp_path, schema=1), a_bundle(tmp_path, schema=3, oldest_writer=2))


@pytest.mark.parametrize(
    ("conf", "mounts", "refused"),
    [
        ('overlayroot="tmpfs:recurse=0"', "/dev/sda / ext4 ro 0 0\noverlayroot / overlay rw 0 0\n", True),
        ('overlayroot="tmpfs:recurse=0"', "overlayroot / overlay rw 0 0\n/dev/mmcblk0p2 / ext4 rw 0 0\n", False),
        ("", "overlay / overlay rw 0 0\n", False),
    ],
)
def test_nothing_is_installed_into_memory(tmp_path: Path, conf: str, mounts: str, *, refused: bool) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/overlayroot.conf").write_text(conf, encoding="ascii")
    if refused:
        with pytest.raises(InstallTrouble, match="overlayroot-chroot"):
            device.must_be_on_disk(Layout(tmp_path), mounts)
    else:
        device.must_be_on_disk(Layout(tmp_path), mounts)


def test_the_database_is_copied_only_before_its_schema_rises(tmp_path: Path) -> None:
    path = tmp_path / "passages.db"
    new, old = a_bundle(tmp_path, schema=len(database.MIGRATIONS) + 1), a_bundle(tmp_path)
    assert records.copy_before(path, new, old) is None, "there is none"
    database.open_writer(path).close()
    assert records.copy_before(path, a_bundle(tmp_path, schema=len(database.MIGRATIONS)), old) is None
    copy = records.copy_before(path, new, old)
    assert copy is not None
    assert records.schema_of(copy) == len(database.MIGRATIONS)
    assert copy.stat().st_mode & 0o777 == 0o600
    assert records.path_of(Layout(tmp_path)) == tmp_path / "var/lib/entrance-kiosk/passages.db"


def test_a_bundle_tells_of_a_harmed_a_missing_and_a_swapped_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    files = {"a": bundles.sha256(tmp_path / "a")}
    whole = Bundle(tmp_path, "1", bundles.digest_of(files), 1, 1, files)
    bundles.verify(whole)
    (tmp_path / "a").write_bytes(b"b")
    with pytest.raises(InstallTrouble, match="damaged: a"):
        bundles.verify(whole)
    swapped = {"a": bundles.sha256(tmp_path / "a")}
    with pytest.raises(InstallTrouble, match="damaged: manifest"):
        bundles.verify(Bundle(tmp_path, "1", whole.digest, 1, 1, swapped))
    (tmp_path / "a").unlink()
    with pytest.raises(InstallTrouble, match="damaged: a"):
        bundles.verify(whole)


def test_a_release_for_which_the_disk_has_no_room_is_not_begun(tmp_path: Path) -> None:
    layout, wheel, requirements = (
        Layout(tmp_path),
        tmp_path / "wheels/a-1-py3-none-any.whl",
        tmp_path / "requirements.txt",
    )
    wheel.parent.mkdir()
    with wheel.open("wb") as file:
        file.truncate(shutil.disk_usage(tmp_path).free // 4)  # a hole: it takes no room itself
    requirements.write_text("a==1 --hash=sha256:aa\n", encoding="ascii")
    large = Bundle(tmp_path, "1", "", 1, 1, {"wheels/a-1-py3-none-any.whl": "aa"})
    with pytest.raises(InstallTrouble, match="nothing was changed"):
        release.must_have_room(large, requirements, layout)
    release.must_have_room(Bundle(tmp_path, "1", "", 1, 1, {"wheels/a-1-py3-none-any.whl": "bb"}), requirements, layout)


def test_a_release_that_cannot_be_made_leaves_nothing_behind(tmp_path: Path) -> None:
    """Neither half a release on a full disk nor a changed version: pip ends with an error, because the bundle has no wheels."""
    layout, folder = installed(tmp_path / "device"), tmp_path / "bundle"
    for name in ("installing", "system", "wheels"):
        (folder / name).mkdir(parents=True)
    for name in ("manifest.json", "install.sh", "kiosk.example.toml"):
        (folder / name).touch()
    (folder / "requirements-x86_64-cp311.txt").touch()
    machine = Machine("bookworm", "x86_64", "311", raspberry_pi=False)
    with pytest.raises((InstallTrouble, ValueError)):
        release.build(Bundle(folder, "9", "c" * 64, 1, 1, {}), layout, machine)
    assert sorted(path.name for path in layout.releases.iterdir()) == ["one", "two"]
    assert runs(layout) == "one"
    with pytest.raises(InstallTrouble, match="make bundle"):
        release.build(
            Bundle(folder, "9", "c" * 64, 1, 1, {}), layout, Machine("trixie", "aarch64", "313", raspberry_pi=False)
        )


def test_a_folder_that_is_no_bundle_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InstallTrouble, match="make bundle"):
        bundles.open_bundle(tmp_path)


def nobody(name: str) -> str:
    raise AssertionError(f"asked for {name}")


def test_the_configuration_is_made_once_from_the_example_and_can_be_read(tmp_path: Path) -> None:
    layout, example = Layout(tmp_path), PROJECT / "docs/kiosk.example.toml"
    answers = {"site": "cho-an-cuu", "gate": "cong-2"}
    assert settings.settle(layout, example, dict(answers), nobody)
    found = config.load(layout.config)
    assert (found.site.site, found.site.device) == ("cho-an-cuu", "cong-2")
    assert found.keys.pseudonym == layout.etc / "private/pseudonym.key"
    content = layout.config.read_bytes()
    assert not settings.settle(layout, example, {"site": "other", "gate": None}, nobody), "nothing is asked twice"
    assert layout.config.read_bytes() == content


@pytest.mark.parametrize("name", ["Chợ", "a b", "", "../x", 'a"b', "a" * 64])
def test_a_name_that_the_configuration_would_refuse_is_refused_at_once(tmp_path: Path, name: str) -> None:
    example = PROJECT / "docs/kiosk.example.toml"
    with pytest.raises(InstallTrouble, match="--gate"):
        settings.settle(Layout(tmp_path), example, {"site": "x", "gate": name}, nobody)
    assert not Layout(tmp_path).config.exists()


def test_private_keys_go_where_root_alone_reads_and_nothing_is_overwritten(tmp_path: Path) -> None:
    layout, stick = Layout(tmp_path / "device"), tmp_path / "stick"
    stick.mkdir()
    for name in ("gate.key", "gate.pem", "trust.cbor"):
        (stick / name).write_bytes(name.encode())
    assert sorted(settings.take_keys(layout, stick)) == ["gate.key", "gate.pem", "pseudonym.key", "trust.cbor"]
    private = layout.etc / "private"
    assert (private / "gate.key").stat().st_mode & 0o777 == 0o400
    assert private.stat().st_mode & 0o777 == 0o700
    assert len((private / "pseudonym.key").read_bytes()) == 32
    before = (private / "pseudonym.key").read_bytes()
    (stick / "gate.pem").write_bytes(b"other")
    assert settings.take_keys(layout, stick) == []
    assert (layout.etc / "gate.pem").read_bytes() == b"gate.pem"
    assert (private / "pseudonym.key").read_bytes() == before


@pytest.mark.parametrize(("python", "pins"), [("311", True), ("313", False)])
def test_a_bundle_brings_simplejpeg_beside_numpy_2_and_lgpio_where_there_is_a_wheel(python: str, *, pins: bool) -> None:
    lines = list(locked(PROJECT, python))
    names = [line.split("==")[0] for line in lines]
    assert len(names) == len(set(names)), "one version of each"
    assert {"simplejpeg", "numpy", "pip", "zxing-cpp"} <= set(names)
    assert ("lgpio" in names) is pins
    assert "picamera2" not in names, "apt brings it, with libcamera"
    assert all("--hash=sha256:" in line for line in lines)
    assert next(line for line in lines if line.startswith("numpy==")).startswith("numpy==2.")


def test_the_releases_that_are_not_needed_go_and_half_made_ones_first(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    upgrade.switch("two", layout, FakeSystemd(), ready)
    a_release(layout, "zero")
    (layout.releases / "half").mkdir()
    release.remove_incomplete(layout)
    assert sorted(path.name for path in layout.releases.iterdir()) == ["one", "two", "zero"]
    release.prune(layout)
    assert sorted(path.name for path in layout.releases.iterdir()) == ["one", "two"]
