"""The configuration and keys that an installation asks for once and never overwrites."""

from pathlib import Path

import pytest

from kiosk import config
from kiosk.installer import initial_config
from kiosk.installer.errors import InstallTrouble
from kiosk.installer.layout import Layout
from tests.paths import PROJECT


def nobody(name: str) -> str:
    raise AssertionError(f"asked for {name}")


def test_the_configuration_is_made_once_from_the_example_and_can_be_read(tmp_path: Path) -> None:
    layout, example = Layout(tmp_path), PROJECT / "docs/reference/kiosk.example.toml"
    answers = {"site": "cho-an-cuu", "gate": "cong-2"}
    assert initial_config.settle(layout, example, dict(answers), nobody)
    found = config.load(layout.config)
    assert (found.site.site, found.site.device) == ("cho-an-cuu", "cong-2")
    assert found.keys.pseudonym == layout.etc / "private/pseudonym.key"
    content = layout.config.read_bytes()
    assert not initial_config.settle(layout, example, {"site": "other", "gate": None}, nobody), "nothing is asked twice"
    assert layout.config.read_bytes() == content


@pytest.mark.parametrize("name", ["Chợ", "a b", "", "../x", 'a"b', "a" * 64])
def test_a_name_that_the_configuration_would_refuse_is_refused_at_once(tmp_path: Path, name: str) -> None:
    example = PROJECT / "docs/reference/kiosk.example.toml"
    with pytest.raises(InstallTrouble, match="--gate"):
        initial_config.settle(Layout(tmp_path), example, {"site": "x", "gate": name}, nobody)
    assert not Layout(tmp_path).config.exists()


def test_private_keys_go_where_root_alone_reads_and_nothing_is_overwritten(tmp_path: Path) -> None:
    layout, stick = Layout(tmp_path / "device"), tmp_path / "stick"
    stick.mkdir()
    for name in ("gate.key", "gate.pem", "trust.cbor"):
        (stick / name).write_bytes(name.encode())
    assert sorted(initial_config.take_keys(layout, stick)) == ["gate.key", "gate.pem", "pseudonym.key", "trust.cbor"]
    private = layout.etc / "private"
    assert (private / "gate.key").stat().st_mode & 0o777 == 0o400
    assert private.stat().st_mode & 0o777 == 0o700
    assert len((private / "pseudonym.key").read_bytes()) == 32
    before = (private / "pseudonym.key").read_bytes()
    (stick / "gate.pem").write_bytes(b"other")
    assert initial_config.take_keys(layout, stick) == []
    assert (layout.etc / "gate.pem").read_bytes() == b"gate.pem"
    assert (private / "pseudonym.key").read_bytes() == before
