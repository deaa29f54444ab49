"""Units and other system files of a release are installed, enabled once and removed."""

import shutil
from pathlib import Path

import pytest

from kiosk.installer import upgrade
from kiosk.installer.layout import InstallLayout
from kiosk.installer.machine import system_files
from tests.fakes.parts.installed_device import FakeSystemd, PowerCut, a_release, installed, never, ready
from tests.paths import PROJECT


def test_the_recover_unit_runs_at_power_on_before_all_our_other_units() -> None:
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


def test_the_units_run_programs_by_the_link_to_the_current_version() -> None:
    for unit in (PROJECT / "systemd").glob("kiosk*.service"):
        programs = [
            line.partition("=")[2].lstrip("-").split()[0]
            for line in unit.read_text().splitlines()
            if line.startswith("Exec")
        ]
        assert programs
        assert all(Path(program).parent == InstallLayout().venv_link / "bin" for program in programs), unit


def test_a_unit_disabled_by_the_owner_is_not_enabled_again(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    upgrade.switch_release("two", layout, FakeSystemd(), ready)
    systemd = FakeSystemd()
    upgrade.activate_release("two", layout, systemd)
    assert systemd.calls == ["reload"]


def test_a_rollback_removes_the_link_of_a_new_unit_and_the_next_upgrade_enables_it(
    tmp_path: Path,
) -> None:
    layout, systemd = installed(tmp_path), FakeSystemd()
    wants = tmp_path / "etc/systemd/system/multi-user.target.wants"
    systemd.enables_in = [wants]
    upgrade.switch_release("two", layout, systemd, never)
    assert not (wants / "kiosk-news.service").is_symlink()
    upgrade.switch_release("two", layout, systemd, ready)
    assert (wants / "kiosk-news.service").is_symlink()


def test_units_that_were_not_enabled_before_a_power_cut_are_enabled_the_next_time(tmp_path: Path) -> None:
    layout = InstallLayout(tmp_path)
    a_release(layout, "one", unit="one")
    with pytest.raises(PowerCut):
        upgrade.activate_release("one", layout, FakeSystemd(at=1))
    systemd = FakeSystemd()
    upgrade.activate_release("one", layout, systemd)
    assert "kiosk.service" in systemd.calls[-1]


def test_uninstall_removes_all_installed_files(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    other_unit = tmp_path / "etc/systemd/system/ssh.service"
    other_unit.write_text("[Unit]\n", encoding="ascii")
    system_files.remove_files(layout)
    left = [path for path in tmp_path.rglob("*") if path.is_file() and layout.program_dir not in path.parents]
    assert left == [other_unit]
    assert [path for path in other_unit.parent.iterdir() if path.is_dir() and not any(path.iterdir())] == []


def test_an_old_release_without_a_newer_system_file_can_be_activated(tmp_path: Path) -> None:
    """The code of the new release rolls back to the old one, and knows files that the old one lacks."""
    layout = installed(tmp_path)
    config_path = tmp_path / "etc/systemd/timesyncd.conf.d/entrance-kiosk.conf"
    assert config_path.is_file()
    shutil.rmtree(layout.releases_dir / "one/system/firmware_config/idle-writes")
    upgrade.activate_release("one", layout, FakeSystemd())
    assert not config_path.exists()
    assert (tmp_path / "etc/systemd/system/kiosk.service").is_file()


def test_configuration_of_missing_software_is_not_installed(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    assert not (tmp_path / "etc/chrony").exists()
    (tmp_path / "etc/chrony/conf.d").mkdir(parents=True)
    upgrade.activate_release("one", layout, FakeSystemd())
    assert (tmp_path / "etc/chrony/conf.d/entrance-kiosk.conf").is_file()


@pytest.mark.parametrize(
    ("overlayroot", "expected"), [("tmpfs:recurse=0", True), ("", False), ("disabled", False), (None, False)]
)
def test_the_drop_in_for_a_read_only_root_is_installed_only_with_a_read_only_root(
    tmp_path: Path, overlayroot: str | None, *, expected: bool
) -> None:
    layout = installed(tmp_path)
    if overlayroot is not None:
        (tmp_path / "etc/overlayroot.conf").write_text(
            f'# overlayroot="x"\noverlayroot="{overlayroot}"\n', encoding="ascii"
        )
    upgrade.activate_release("one", layout, FakeSystemd())
    assert (tmp_path / "etc/systemd/system/kiosk.service.d/read-only-root.conf").exists() == expected
