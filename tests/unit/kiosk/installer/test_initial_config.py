"""First configuration and keys of a device. Existing files are never overwritten."""

from pathlib import Path

import pytest

from kiosk import config
from kiosk.installer import initial_config
from kiosk.installer.errors import InstallError
from kiosk.installer.layout import InstallLayout
from tests.paths import PROJECT


def no_terminal(name: str) -> str:
    raise AssertionError(f"asked for {name}")


def test_the_configuration_is_written_once_from_the_example_and_is_valid(tmp_path: Path) -> None:
    layout, example = InstallLayout(tmp_path), PROJECT / "docs/reference/files/kiosk.example.toml"
    answers = {"site": "cho-an-cuu", "gate": "cong-2"}
    assert initial_config.write_config(layout, example, dict(answers), no_terminal)
    found = config.load_settings(layout.config_file)
    assert (found.site.site, found.site.device) == ("cho-an-cuu", "cong-2")
    assert found.keys.pseudonym_key == layout.config_dir / "private/pseudonym.key"
    content = layout.config_file.read_bytes()
    assert not initial_config.write_config(layout, example, {"site": "other", "gate": None}, no_terminal), (
        "the file exists"
    )
    assert layout.config_file.read_bytes() == content


@pytest.mark.parametrize("name", ["Chợ", "a b", "", "../x", 'a"b', "a" * 64])
def test_an_invalid_name_is_rejected_before_a_file_is_written(tmp_path: Path, name: str) -> None:
    example = PROJECT / "docs/reference/files/kiosk.example.toml"
    with pytest.raises(InstallError, match="--gate"):
        initial_config.write_config(InstallLayout(tmp_path), example, {"site": "x", "gate": name}, no_terminal)
    assert not InstallLayout(tmp_path).config_file.exists()


def test_private_keys_are_readable_by_root_only_and_no_file_is_overwritten(tmp_path: Path) -> None:
    layout, usb_stick = InstallLayout(tmp_path / "device"), tmp_path / "stick"
    usb_stick.mkdir()
    for name in ("gate.key", "gate.pem", "trust.cbor"):
        (usb_stick / name).write_bytes(name.encode())
    assert sorted(initial_config.install_keys(layout, usb_stick)) == [
        "gate.key",
        "gate.pem",
        "pseudonym.key",
        "trust.cbor",
    ]
    private = layout.config_dir / "private"
    assert (private / "gate.key").stat().st_mode & 0o777 == 0o400
    assert private.stat().st_mode & 0o777 == 0o700
    assert len((private / "pseudonym.key").read_bytes()) == 32
    before = (private / "pseudonym.key").read_bytes()
    (usb_stick / "gate.pem").write_bytes(b"other")
    assert initial_config.install_keys(layout, usb_stick) == []
    assert (layout.config_dir / "gate.pem").read_bytes() == b"gate.pem"
    assert (private / "pseudonym.key").read_bytes() == before
