"""A run of `kiosk issue` replaces nothing of an earlier run, and leaves nothing half written."""

import stat
import unicodedata
from pathlib import Path

import pypdfium2  # type: ignore[import-untyped]  # it has no types; text is read of it
import pytest

from kiosk.cli.issuing.deny import deny
from kiosk.cli.issuing.issue import issue
from kiosk.cli.issuing.trust import trust as trust_command
from kiosk.core.ports import KioskError
from kiosk.credentials.issuing import key_files, print_sheets, qr_images
from kiosk.credentials.issuing.names import TextError
from kiosk.credentials.issuing.output_files import OutputError
from kiosk.credentials.issuing.register import RegisterError
from kiosk.credentials.trust import denylist, trust_list
from tests.fakes.data.people import NOW_AT, WORLD
from tests.fakes.parts.full_disk import disk_that_takes
from tests.fakes.parts.issuing_cli import error_of, registered, run


def people(folder: Path, text: str) -> Path:
    path = folder / "people.csv"
    path.write_text(text, encoding="utf-8")
    return path


def text_of(path: Path) -> str:
    found: str = pypdfium2.PdfDocument(path)[0].get_textpage().get_text_bounded()
    return found.replace("\r\n", " ")


class TestNothingIsReplaced:
    def test_the_same_list_twice_gives_new_sheets_and_keeps_all_rows(self, tmp_path: Path) -> None:
        source = people(tmp_path, "name\nNguyễn Văn A\nTrần Thị B\n")
        outputs = [run(issue, "--key", tmp_path / "k", "--out", tmp_path, "--csv", source).output for _ in range(3)]
        sheets = [(tmp_path / name).read_bytes() for name in ("cards.pdf", "cards-2.pdf", "cards-3.pdf")]
        assert len(set(sheets)) == 3
        rows = registered(tmp_path)
        assert len({row["serial"] for row in rows}) == 6
        assert [row["card"] for row in rows][:4] == ["cards.pdf 1", "cards.pdf 2", "cards-2.pdf 1", "cards-2.pdf 2"]
        assert "register already" not in outputs[0]
        assert "2 of these names are in the register already" in outputs[1]

    def test_a_second_poster_and_a_second_issuer_replace_nothing(self, tmp_path: Path) -> None:
        for name in ("one", "two"):
            run(issue, "--out", tmp_path, "--poster", f"https://example.org/{name}")
            run(issue, "--key", tmp_path / name, "--out", tmp_path)
        assert {path.name for path in tmp_path.glob("poster*")} == {"poster.pdf", "poster-2.pdf"}
        assert len(list(tmp_path.glob("issuer*.json"))) == 2

    def test_a_register_that_a_spreadsheet_saved_is_refused_and_kept(self, tmp_path: Path) -> None:
        for content in (
            b"serial;name\r\n00;A\r\n",
            "serial,name\r\n00,Á\r\n".encode("cp1258", "replace"),
            b"\xff\xfes",
        ):
            (tmp_path / "register.csv").write_bytes(content)
            found = error_of(issue, "--key", tmp_path / "k", "--out", tmp_path)
            assert isinstance(found, RegisterError)
            assert "Rename it" in str(found)
            assert (tmp_path / "register.csv").read_bytes() == content
            assert list(tmp_path.glob("*.pdf")) == []

    def test_a_register_without_a_last_line_end_keeps_its_last_row(self, tmp_path: Path) -> None:
        run(issue, "--key", tmp_path / "k", "--out", tmp_path)
        path = tmp_path / "register.csv"
        path.write_bytes(path.read_bytes().rstrip())
        run(issue, "--key", tmp_path / "k", "--out", tmp_path)
        assert len({row["serial"] for row in registered(tmp_path)}) == 2


class TestPeopleOfOneName:
    def test_the_register_and_the_cards_tell_them_apart(self, tmp_path: Path) -> None:
        source = people(tmp_path, "name,reference\nNguyễn Văn A,NV-017\nNguyễn Văn A,NV-203\n")
        result = run(issue, "--key", tmp_path / "k", "--out", tmp_path, "--csv", source)
        rows = registered(tmp_path)
        assert [(row["name"], row["reference"], row["card"]) for row in rows] == [
            ("Nguyễn Văn A", "NV-017", "cards.pdf 1"),
            ("Nguyễn Văn A", "NV-203", "cards.pdf 2"),
        ]
        text = text_of(tmp_path / "cards.pdf")
        for row in rows:
            assert row["reference"] in text
            assert row["serial"] in text
        assert "same name" not in result.output

    def test_without_a_reference_their_lines_are_named(self, tmp_path: Path) -> None:
        source = people(tmp_path, "name\nNguyễn Văn A\nTrần Thị B\n" + unicodedata.normalize("NFD", "Nguyễn Văn A\n"))
        result = run(issue, "--key", tmp_path / "k", "--out", tmp_path, "--csv", source)
        assert "Lines 2, 4 have the same name: Nguyễn Văn A" in result.output


class TestNames:
    NAMES = ("Nguyễn Thị Ánh", "Hồ Quỳnh Phượng", "Lê Thị Huệ", "Đặng Hữu Lượng")

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("door", ["argument", "csv"])
    def test_a_decomposed_name_is_composed_at_every_door(self, tmp_path: Path, name: str, door: str) -> None:
        decomposed = unicodedata.normalize("NFD", name)
        source = people(tmp_path, f"name\n{decomposed}\n")
        given = ["--name", decomposed] if door == "argument" else ["--csv", source]
        label = unicodedata.normalize("NFD", "Phường Vỹ Dạ")
        run(issue, "--key", tmp_path / "k", "--out", tmp_path, "--label", label, *given)
        assert [row["name"] for row in registered(tmp_path)] == [name]
        text = text_of(next(tmp_path.glob("*.pdf")))
        assert name in text
        assert "Phường Vỹ Dạ" in text
        assert key_files.read_issuer_key(tmp_path / "k", None).label == "Phường Vỹ Dạ"

    def test_eth_is_taken_for_the_vietnamese_letter_that_it_looks_like(self, tmp_path: Path) -> None:
        run(issue, "--key", tmp_path / "k", "--out", tmp_path, "--name", "Nguyễn \u00d0ức")
        assert registered(tmp_path)[0]["name"] == "Nguyễn Đức"

    @pytest.mark.parametrize(
        ("option", "text", "part"),
        [
            ("--name", "Lê Văn 龍", "龍 (U+9F8D)"),
            ("--name", "Lê Vаn", "U+0430"),
            ("--name", "Lê 😀", "U+1F600"),
            ("--name", "A\u202eB", "U+202E"),
            ("--name", "Niê O\u031b\u0306", "U+0306"),
            ("--label", "Phường 龍", "龍 (U+9F8D)"),
            ("--reference", "龍", "龍 (U+9F8D)"),
        ],
    )
    def test_a_letter_that_cannot_be_printed_is_named_and_nothing_is_made(
        self, tmp_path: Path, option: str, text: str, part: str
    ) -> None:
        out = tmp_path / "out"
        found = error_of(issue, "--key", tmp_path / "k", "--out", out, option, text)
        assert isinstance(found, TextError)
        assert part in str(found)
        assert not (tmp_path / "k").exists()
        assert not list(out.glob("*"))

    def test_a_sheet_or_poster_is_never_printed_with_a_letter_left_out(self, tmp_path: Path) -> None:
        code = qr_images.make_qr_code(WORLD["valid"].text)
        card = print_sheets.PrintedCard(code, "Lê 龍", NOW_AT, "")
        with pytest.raises(TextError, match="U\\+9F8D"):
            print_sheets.write_cards([card], print_sheets.ID_1_FORMAT, tmp_path / "cards.pdf")
        with pytest.raises(TextError, match="U\\+9F8D"):
            print_sheets.write_poster(code, "龍", [], tmp_path / "poster.pdf")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("name", ["=HYPERLINK(A:A)", "@SUM(A:A)", "+A:A", "-A"])
    def test_a_name_is_never_a_formula_in_the_register(self, tmp_path: Path, name: str) -> None:
        run(issue, "--key", tmp_path / "k", "--out", tmp_path, "--name", name, "--reference", name)
        (row,) = registered(tmp_path)
        assert (row["name"], row["reference"]) == (f"'{name}", f"'{name}")


class TestFullDisk:
    @pytest.mark.parametrize("size", [0, 1, 60, 300, 500, 1_000, 4_000, 10_000])
    def test_issuing_ends_in_one_sentence_and_leaves_nothing_half_written(self, tmp_path: Path, size: int) -> None:
        run(issue, "--key", tmp_path / "k", "--out", tmp_path, "--days", 5)
        before = {path: path.read_bytes() for path in tmp_path.iterdir()}
        source = people(tmp_path, "name\n" + "Nguyễn Văn A\n" * 12)
        with disk_that_takes(size):
            found = error_of(issue, "--key", tmp_path / "new", "--out", tmp_path, "--csv", source)
        assert isinstance(found, KioskError)
        assert "cannot be written" in str(found)
        assert "\n" not in str(found)
        for path, content in before.items():
            assert path.name == "trust-list.cose" or path.read_bytes() == content
        assert list(tmp_path.glob("cards*")) == []
        assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".") or path.stat().st_size == 0]
        trust_list.load_trust_list(tmp_path / "trust-list.cose")
        run(issue, "--key", tmp_path / "new", "--out", tmp_path, "--csv", source)
        assert len(registered(tmp_path)) == 13

    def test_a_register_that_cannot_grow_takes_the_cards_back(self, tmp_path: Path) -> None:
        run(issue, "--key", tmp_path / "k", "--out", tmp_path)
        rows = (tmp_path / "register.csv").read_bytes()
        padding = b"".join(b"00,A,,,1,,\r\n" for _ in range(60_000))
        (tmp_path / "register.csv").write_bytes(rows + padding)
        sheets = set(tmp_path.glob("*.p*"))
        with disk_that_takes(len(rows + padding) + 20):
            assert isinstance(error_of(issue, "--key", tmp_path / "k", "--out", tmp_path), OutputError)
        assert (tmp_path / "register.csv").read_bytes() == rows + padding
        assert set(tmp_path.glob("*.p*")) == sheets

    def test_lists_and_root_keys_end_in_one_sentence(self, tmp_path: Path) -> None:
        with disk_that_takes(10):
            for command, *options in (
                (trust_command, "root", "--key", tmp_path / "root.key"),
                (deny, "add", "00" * 10, "-o", tmp_path / "denylist.cose"),
            ):
                found = error_of(command, *options)
                assert isinstance(found, KioskError)
                assert "cannot be written" in str(found)
        assert list(tmp_path.iterdir()) == []


class TestOneRootKey:
    def test_the_documented_order_makes_one_root_key(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        run(trust_command, "root", "--key", "root.key")
        made = run(issue, "--key", "issuer.key", "--out", "out")
        run(trust_command, "build", "out/issuer.json", "-o", "trust-list.cose")
        (row,) = registered(Path("out"))
        run(deny, "add", row["serial"], "-o", "out/denylist.cose")
        assert [str(path) for path in Path().rglob("root.key")] == ["root.key"]
        assert "New root key" not in made.output
        root = Path("root.pem")
        trust_list.load_trust_list(Path("out/trust-list.cose"), root)
        trust_list.load_trust_list(Path("trust-list.cose"), root)
        assert len(denylist.load_denylist(Path("out/denylist.cose"), root).entries) == 1
        assert Path("out/root.pem").read_bytes() == root.read_bytes()

    def test_a_root_key_that_is_made_is_announced(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert "New root key: out/root.key" in run(issue, "--key", "k", "--out", "out").output
        assert "New root key" not in run(issue, "--key", "k", "--out", "out").output

    def test_an_issuer_without_the_root_key_makes_none(self, tmp_path: Path) -> None:
        run(issue, "--key", tmp_path / "k", "--out", tmp_path, "--no-trust-list")
        assert not (tmp_path / "root.key").exists()
        assert not (tmp_path / "trust-list.cose").exists()
        assert (tmp_path / "issuer.json").exists()

    def test_the_issuer_key_may_have_a_password_and_the_root_key_none(self, tmp_path: Path) -> None:
        run(trust_command, "root", "--key", tmp_path / "root.key")
        (tmp_path / "password").write_text("secret\n", encoding="ascii")
        run(issue, "--key", tmp_path / "k", "--out", tmp_path / "out", "--password-file", tmp_path / "password",
            "--root-key", tmp_path / "root.key")  # fmt: skip
        assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600

    def test_a_list_beside_the_public_half_of_another_root_key_is_not_signed(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            run(trust_command, "root", "--key", tmp_path / name / "root.key")
        found = error_of(
            deny, "add", "00" * 10, "-o", tmp_path / "a" / "denylist.cose", "--root-key", tmp_path / "b" / "root.key"
        )
        assert isinstance(found, key_files.KeyFileError)
        assert "belongs to another root key" in str(found)
