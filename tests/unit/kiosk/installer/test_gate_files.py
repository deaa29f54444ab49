"""The files of a gate: what is taken from a stick, what is not, and that each file is answered for."""

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk import config
from kiosk.installer import gate_files
from kiosk.installer.errors import InstallError
from kiosk.installer.gate_files import Fate, KeyFileAnswer
from kiosk.installer.layout import InstallLayout
from tests.paths import PROJECT

EXAMPLE = PROJECT / "docs/reference/files/kiosk.example.toml"
TOML = """
[site]
site = "cho"
device = "cong-1"
[mqtt]
ca = "ca.pem"
certificate = "own-name.crt"
key = "private/own-key"
[keys]
trust_list = "Trust.cbor"
"""
PEM = "-----BEGIN {}-----\nMC4=\n-----END {}-----\n"


@pytest.fixture
def layout(tmp_path: Path) -> InstallLayout:
    layout = InstallLayout(tmp_path / "device")
    layout.config_dir.mkdir(parents=True)
    layout.program_dir.mkdir(parents=True)
    return layout


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "khóa của cổng 1"
    folder.mkdir()
    (folder / "kiosk.toml").write_text(TOML, encoding="utf-8")
    return folder


def fates(layout: InstallLayout, folder: Path, *, renew: bool = False) -> dict[str, Fate]:
    return {answer.name: answer.fate for answer in gate_files.take_files(layout, folder, renew=renew)}


def no_terminal(name: str) -> str:
    raise AssertionError(f"asked for {name}")


def test_the_configuration_is_written_once_from_the_example_and_is_valid(layout: InstallLayout) -> None:
    answers: dict[str, str | None] = {"site": "cho-an-cuu", "gate": "cong-2"}
    assert gate_files.write_config(layout, EXAMPLE, answers, no_terminal)
    found = config.load_settings(layout.config_file)
    assert (found.site.site, found.site.device) == ("cho-an-cuu", "cong-2")
    assert found.keys.pseudonym_key == layout.config_dir / "private/pseudonym.key"
    content = layout.config_file.read_bytes()
    assert not gate_files.write_config(layout, EXAMPLE, {"site": "other", "gate": None}, no_terminal)
    assert layout.config_file.read_bytes() == content


def test_a_gate_that_a_code_will_name_gets_every_default_and_no_name(layout: InstallLayout) -> None:
    assert gate_files.write_unnamed_config(layout, EXAMPLE)
    assert not config.load_settings(layout.config_file).is_enrolled
    text = layout.config_file.read_text(encoding="utf-8")
    assert not [line for line in text.splitlines() if line and not line.startswith(("#", "["))]
    assert gate_files.is_untouched_example(layout)
    assert not gate_files.write_unnamed_config(layout, EXAMPLE)


@pytest.mark.parametrize("name", ["Chợ", "a b", "", "../x", 'a"b', "a" * 64])
def test_an_invalid_name_is_rejected_before_a_file_is_written(layout: InstallLayout, name: str) -> None:
    with pytest.raises(InstallError, match="--gate"):
        gate_files.write_config(layout, EXAMPLE, {"site": "x", "gate": name}, no_terminal)
    assert not layout.config_file.exists()


@pytest.mark.parametrize(("site", "gate"), [("other", None), (None, "other"), ("other", "cong-1")])
def test_a_name_that_differs_from_the_configuration_is_refused(
    layout: InstallLayout, site: str | None, gate: str | None
) -> None:
    layout.config_file.write_text(TOML, encoding="utf-8")
    with pytest.raises(InstallError, match="Nothing was changed"):
        gate_files.require_same_names(layout, site, gate)
    gate_files.require_same_names(layout, "cho", "cong-1")
    gate_files.require_same_names(layout, None, None)


def test_every_file_of_the_stick_is_answered_for(layout: InstallLayout, stick: Path) -> None:
    (layout.config_dir / "ca.pem").write_text("old", encoding="ascii")
    (layout.config_dir / "Trust.cbor").write_text("list", encoding="ascii")
    contents = {
        "ca.pem": "new",
        "Trust.cbor": "list",
        "own-name.crt": "certificate",
        "photo.jpg": "x",
        ".DS_Store": "x",
    }
    for name, text in contents.items():
        (stick / name).write_text(text, encoding="ascii")
    (stick / "denylist.cose").write_bytes(b"x" * (gate_files.MAX_BYTES + 1))
    (stick / "root.pem").symlink_to("/etc/hostname")
    (stick / "folder").mkdir()
    assert fates(layout, stick) == {
        "kiosk.toml": Fate.TAKEN, "own-name.crt": Fate.TAKEN, "Trust.cbor": Fate.SAME, "ca.pem": Fate.KEPT,
        "photo.jpg": Fate.UNKNOWN, ".DS_Store": Fate.UNKNOWN, "denylist.cose": Fate.TOO_LARGE, "root.pem": Fate.LINK,
    }  # fmt: skip
    assert (layout.config_dir / "ca.pem").read_text(encoding="ascii") == "old"
    taken = sorted(path.name for path in layout.config_dir.iterdir() if path.is_file())
    assert taken == ["Trust.cbor", "ca.pem", "kiosk.toml", "own-name.crt"]


def test_files_that_differ_are_replaced_where_it_is_asked_for_but_never_the_pseudonym_key(
    layout: InstallLayout, stick: Path
) -> None:
    gate_files.make_pseudonym_key(layout)
    before = (layout.config_dir / "private/pseudonym.key").read_bytes()
    (stick / "ca.pem").write_text("first", encoding="ascii")
    (stick / "pseudonym.key").write_bytes(b"x" * 32)
    fates(layout, stick)
    (stick / "ca.pem").write_text("second", encoding="ascii")
    assert fates(layout, stick, renew=True) == {
        "ca.pem": Fate.REPLACED,
        "kiosk.toml": Fate.SAME,
        "pseudonym.key": Fate.KEPT,
    }
    assert (layout.config_dir / "ca.pem").read_text(encoding="ascii") == "second"
    assert (layout.config_dir / "private/pseudonym.key").read_bytes() == before


def test_the_configuration_of_the_stick_replaces_the_untouched_example_and_no_edited_one(
    layout: InstallLayout, stick: Path
) -> None:
    gate_files.write_config(layout, EXAMPLE, {"site": "x", "gate": "y"}, no_terminal)
    assert fates(layout, stick)["kiosk.toml"] is Fate.REPLACED
    (stick / "kiosk.toml").write_text(TOML + "# changed\n", encoding="utf-8")
    assert fates(layout, stick)["kiosk.toml"] is Fate.KEPT


def test_a_byte_order_mark_of_windows_is_left_out(layout: InstallLayout, stick: Path) -> None:
    (stick / "kiosk.toml").write_bytes(b"\xef\xbb\xbf" + TOML.encode())
    fates(layout, stick)
    assert layout.config_file.read_text(encoding="utf-8") == TOML
    assert fates(layout, stick)["kiosk.toml"] is Fate.SAME


@pytest.mark.parametrize("name", ["KIOSK.TOML", "Kiosk.toml"])
def test_names_in_capitals_of_a_fat_stick_are_known(layout: InstallLayout, stick: Path, name: str) -> None:
    (stick / "kiosk.toml").rename(stick / name)
    (stick / "TRUST.CBOR").write_text("list", encoding="ascii")
    assert fates(layout, stick) == {name: Fate.TAKEN, "TRUST.CBOR": Fate.TAKEN}
    assert (layout.config_dir / "Trust.cbor").is_file()


@pytest.mark.parametrize("names", [[], ["photo.jpg", "bundle.tar"], ["._ca.pem", ".Trashes"]])
def test_a_folder_without_a_file_of_a_gate_is_refused_and_nothing_is_copied(
    layout: InstallLayout, tmp_path: Path, names: list[str]
) -> None:
    folder = tmp_path / "stick"
    folder.mkdir()
    for name in names:
        (folder / name).write_text("x", encoding="ascii")
    with pytest.raises(InstallError, match="Nothing was copied"):
        gate_files.take_files(layout, folder, renew=True)
    assert list(layout.config_dir.iterdir()) == []


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_a_folder_that_cannot_be_read_ends_in_one_sentence(layout: InstallLayout, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "stick"
    if kind == "file":
        path.touch()
    with pytest.raises(InstallError, match="cannot be read"):
        gate_files.take_files(layout, path, renew=False)


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
def test_a_private_key_of_any_name_is_for_root_only(layout: InstallLayout, stick: Path, name: str, text: str) -> None:
    (stick / "kiosk.toml").write_text(TOML.replace("own-key", name), encoding="utf-8")
    (stick / name).write_text(text, encoding="ascii")
    (stick / name).chmod(0o777)
    assert fates(layout, stick)[name] is Fate.TAKEN
    key = layout.config_dir / "private" / name
    assert stat.S_IMODE(key.stat().st_mode) == 0o400
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert not (layout.config_dir / name).exists()


def test_a_link_in_place_of_a_file_of_the_device_is_not_written_through(
    layout: InstallLayout, stick: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").write_text("mine", encoding="ascii")
    (layout.config_dir / "ca.pem").symlink_to(tmp_path / "elsewhere")
    (stick / "ca.pem").write_text("new", encoding="ascii")
    assert fates(layout, stick)["ca.pem"] is Fate.KEPT
    assert (tmp_path / "elsewhere").read_text(encoding="ascii") == "mine"


@given(st.dictionaries(st.from_regex(r"[A-Za-z0-9._-]{1,20}", fullmatch=True), st.binary(max_size=50), max_size=6))
def test_no_folder_takes_a_file_that_the_configuration_does_not_name(files: dict[str, bytes]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        layout, folder = InstallLayout(Path(name) / "device"), Path(name) / "stick"
        folder.mkdir()
        layout.config_dir.mkdir(parents=True)
        layout.program_dir.mkdir(parents=True)
        (folder / "kiosk.toml").write_text(TOML, encoding="utf-8")
        for path, content in files.items():
            if path not in (".", "..", "kiosk.toml"):
                (folder / path).write_bytes(content)
        answers = gate_files.take_files(layout, folder, renew=False)
        assert sorted(answer.name for answer in answers) == sorted(path.name for path in folder.iterdir())
        known = {"kiosk.toml", "ca.pem", "own-name.crt", "own-key", "trust.cbor", "cho.cong-1.pem", "cho.cong-1.key"}
        known |= set(gate_files.STANDARD_NAMES)
        assert all(answer.name.lower() in known for answer in answers if answer.fate is Fate.TAKEN)
        assert KeyFileAnswer("kiosk.toml", Fate.TAKEN) in answers or "KIOSK.TOML" in {name.upper() for name in files}
