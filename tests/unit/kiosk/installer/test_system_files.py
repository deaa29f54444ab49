"""The units and other system files of an installed version: placed, enabled once, taken away."""

import shutil
from pathlib import Path

import pytest

from kiosk.installer import upgrade
from kiosk.installer.layout import InstallLayout
from kiosk.installer.machine import system_files
from tests.fakes.parts.installed_device import FakeSystemd, PowerCut, a_release, installed, never, ready
from tests.paths import PROJECT


def test_the_unit_that_goes_back_at_power_on_runs_before_every_other_one_of_ours_and_only_then() -> None:
    folder = PROJECT / "systemd"
    lines = (folder / "entrance-kiosk-recover.service").read_text(encoding="utf-8").splitlines()
    settings = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    started = {
        path.name for path in folder.glob("*.*") if path.is_file() and "[Install]" in path.read_text(encoding="utf-8")
    }
    assert set(settings["Before"].split()) == started - {"entrance-kiosk-recover.service"} | {"shutdown.target"}
    assert Path(settings["ConditionPathExists"]) == InstallLayout().upgrade_journal
    assert settings["ExecStart"].endswith("-m kiosk.installer recover --booting")
    assert settings["Environment"] == f"PYTHONPATH={InstallLayout().current_link}/installer"


def test_the_units_name_the_link_that_leads_to_the_version_in_force() -> None:
    for unit in (PROJECT / "systemd").glob("kiosk*.service"):
        programs = [
            line.partition("=")[2].lstrip("-").split()[0]
            for line in unit.read_text().splitlines()
            if line.startswith("Exec")
        ]
        assert programs
        assert all(Path(program).parent == InstallLayout().venv_link / "bin" for program in programs), unit


def test_a_unit_that_its_owner_has_disabled_is_not_enabled_again(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    upgrade.switch_release("two", layout, FakeSystemd(), ready)
    systemd = FakeSystemd()
    upgrade.activate_release("two", layout, systemd)
    assert systemd.asked == ["reload"]


def test_a_unit_that_only_the_version_taken_back_had_leaves_no_link_and_is_enabled_when_it_comes_again(
    tmp_path: Path,
) -> None:
    layout, systemd = installed(tmp_path), FakeSystemd()
    wants = tmp_path / "etc/systemd/system/multi-user.target.wants"
    systemd.enables_in = [wants]
    upgrade.switch_release("two", layout, systemd, never)
    assert not (wants / "kiosk-news.service").is_symlink()
    upgrade.switch_release("two", layout, systemd, ready)
    assert (wants / "kiosk-news.service").is_symlink()


def test_an_installation_that_was_cut_before_its_units_were_enabled_enables_them_the_next_time(tmp_path: Path) -> None:
    layout = InstallLayout(tmp_path)
    a_release(layout, "one", unit="one")
    with pytest.raises(PowerCut):
        upgrade.activate_release("one", layout, FakeSystemd(at=1))
    systemd = FakeSystemd()
    upgrade.activate_release("one", layout, systemd)
    assert "kiosk.service" in systemd.asked[-1]


def test_what_was_placed_is_taken_away_again(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    stranger = tmp_path / "etc/systemd/system/ssh.service"
    stranger.write_text("[Unit]\n", encoding="ascii")
    system_files.remove_files(layout)
    left = [path for path in tmp_path.rglob("*") if path.is_file() and layout.program_dir not in path.parents]
    assert left == [stranger]
    assert [path for path in stranger.parent.iterdir() if path.is_dir() and not any(path.iterdir())] == []


def test_a_version_from_before_a_file_was_thought_of_can_still_be_put_in_force(tmp_path: Path) -> None:
    """An upgrade's own code puts the old version back, and knows of files that it never had."""
    layout = installed(tmp_path)
    placed = tmp_path / "etc/systemd/timesyncd.conf.d/entrance-kiosk.conf"
    assert placed.is_file()
    shutil.rmtree(layout.releases_dir / "one/system/firmware_config/idle-writes")
    upgrade.activate_release("one", layout, FakeSystemd())
    assert not placed.exists()
    assert (tmp_path / "etc/systemd/system/kiosk.service").is_file()


def test_configuration_of_software_that_is_not_there_is_not_placed(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    assert not (tmp_path / "etc/chrony").exists()
    (tmp_path / "etc/chrony/conf.d").mkdir(parents=True)
    upgrade.activate_release("one", layout, FakeSystemd())
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
    upgrade.activate_release("one", layout, FakeSystemd())
    assert (tmp_path / "etc/systemd/system/kiosk.service.d/read-only-root.conf").exists() == expected
