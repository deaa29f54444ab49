"""The configuration and keys that an installation asks for once and never overwrites."""

from pathlib import Path

import pytest

from kiosk import config
from kiosk.installer import initial_config
from kiosk.installer.errors import InstallError
from kiosk.installer.layout import InstallLayout
from tests.paths import PROJECT


def nobody(name: str) -> str:
    raise AssertionError(f"asked for {name}")


def test_the_configuration_is_made_once_from_the_example_and_can_be_read(tmp_path: Path) -> None:
    layout, example = InstallLayout(tmp_path), PROJECT / "docs/reference/files/kiosk.example.toml"
    answers = {"site": "cho-an-cuu", "gate": "cong-2"}
    assert initial_config.write_config(layout, example, dict(answers), nobody)
    found = config.load_settings(layout.config_file)
    assert (found.site.site, found.site.device) == ("cho-an-cuu", "cong-2")
    assert found.keys.pseudonym_key == layout.config_dir / "private/pseudonym.key"
    content = layout.config_file.read_bytes()
    assert not initial_config.write_config(layout, example, {"site": "other", "gate": None}, nobody), (
        "nothing is asked twice"
    )
    assert layout.config_file.read_bytes() == content


@pytest.mark.parametrize("name", ["Chợ", "a b", "", "../x", 'a"b', "a" * 64])
def test_a_name_that_the_configuration_would_refuse_is_refused_at_once(tmp_path: Path, name: str) -> None:
    example = PROJECT / "docs/reference/files/kiosk.example.toml"
    with pytest.raises(InstallError, match="--gate"):
        initial_config.write_config(InstallLayout(tmp_path), example, {"site": "x", "gate": name}, nobody)
    assert not InstallLayout(tmp_path).config_file.exists()


def test_private_keys_go_where_root_alone_reads_and_nothing_is_overwritten(tmp_path: Path) -> None:
    layout, stick = InstallLayout(tmp_path / "device"), tmp_path / "stick"
    stick.mkdir()
    for name in ("gate.key", "gate.pem", "trust.cbor"):
        (stick / name).write_bytes(name.encode())
    assert sorted(initial_config.install_keys(layout, stick)) == ["gate.key", "gate.pem", "pseudonym.key", "trust.cbor"]
    private = layout.config_dir / "private"
    assert (private / "gate.key").stat().st_mode & 0o777 == 0o400
    assert private.stat().st_mode & 0o777 == 0o700
    assert len((private / "pseudonym.key").read_bytes()) == 32
    before = (private / "pseudonym.key").read_bytes()
    (stick / "gate.pem").write_bytes(b"other")
    assert initial_config.install_keys(layout, stick) == []
    assert (layout.config_dir / "gate.pem").read_bytes() == b"gate.pem"
    assert (private / "pseudonym.key").read_bytes() == before
