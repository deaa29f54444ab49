"""From an issuer's key to a printed card, and back through our own decoder to a green light."""

import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pypdfium2  # type: ignore[import-untyped]  # it has no types; pages and text are read of it
import pytest
from click.testing import CliRunner

from kiosk.cli.issuing.issue import issue
from kiosk.core.model import Claim
from kiosk.credentials import CredentialVerifier
from kiosk.credentials.issuing import key_files, make_issuer_key, print_sheets, qr_images
from kiosk.credentials.issuing.people_list.csv_import import CsvImportError, PassRequest, read_pass_requests
from kiosk.credentials.issuing.qr_images import QrCodeError
from kiosk.credentials.trust import trust_list
from kiosk.decoding.still_image import decode_image
from tests.fakes.data.people import NOW_AT, WORLD, moment
from tests.fakes.parts.issuing_cli import error_of, registered, run

DEFAULT = PassRequest("", 30, 1, 48)


def printed(path: Path, dpi: int = 150) -> list[np.ndarray[Any, Any]]:
    """The pages of a PDF as printed, as luma."""
    document = pypdfium2.PdfDocument(path)
    return [document[page].render(scale=dpi / 72, grayscale=True).to_numpy().squeeze() for page in range(len(document))]


def codes_on(page: np.ndarray[Any, Any], shape: print_sheets.CardFormat = print_sheets.ID_1_FORMAT) -> list[bytes]:
    """All codes on a sheet, each card cut out along its marks."""
    px_per_mm = page.shape[1] / print_sheets.PAGE_WIDTH_MM
    found = []
    for left, top in print_sheets._card_positions(shape):
        rows = slice(round(top * px_per_mm), round((top + shape.height_mm) * px_per_mm))
        columns = slice(round(left * px_per_mm), round((left + shape.width_mm) * px_per_mm))
        found += [reading.data for reading in decode_image(np.ascontiguousarray(page[rows, columns]))]
    return found


class TestOnePass:
    def test_one_command_makes_a_pass_that_the_gate_accepts(self, tmp_path: Path) -> None:
        out = tmp_path / "out"
        run(
            issue, "--key", tmp_path / "issuer.key", "--out", out, "--name", "Nguyễn Thị Ánh", "--label", "Phường Vỹ Dạ"
        )
        (serial,) = (row["serial"] for row in registered(out))
        picture = cv2.imread(str(next(out.glob("pass-*.png"))), cv2.IMREAD_GRAYSCALE)
        assert picture is not None
        (reading,) = decode_image(np.asarray(picture, np.uint8))
        answer = CredentialVerifier(trust_list.load_trust_list(out / "trust-list.cose")).verify(reading.data, moment())
        assert isinstance(answer, Claim)
        assert answer.subject.identifiers[0].value == serial
        (on_paper,) = codes_on(printed(next(out.glob("pass-*.pdf")))[0])
        assert on_paper == reading.data

    def test_the_name_is_printed_and_not_encoded(self, tmp_path: Path) -> None:
        run(issue, "--key", tmp_path / "k", "--out", tmp_path, "--name", "Công Tằng Tôn Nữ Thủy")
        document = pypdfium2.PdfDocument(next(tmp_path.glob("pass-*.pdf")))
        text = document[0].get_textpage().get_text_bounded().replace("\r\n", " ")
        assert "Công Tằng Tôn Nữ Thủy" in text
        assert "THẺ RA VÀO" in text
        picture = cv2.imread(str(next(tmp_path.glob("*.png"))), cv2.IMREAD_GRAYSCALE)
        assert b"Th" not in decode_image(np.asarray(picture, np.uint8))[0].data

    def test_the_same_key_signs_again_and_the_trust_list_stays(self, tmp_path: Path) -> None:
        for _ in range(2):
            run(issue, "--key", tmp_path / "k", "--out", tmp_path)
        assert trust_list.load_trust_list(tmp_path / "trust-list.cose").number == 1
        run(issue, "--key", tmp_path / "another", "--out", tmp_path)
        found = trust_list.load_trust_list(tmp_path / "trust-list.cose")
        assert (found.number, len(list(found))) == (2, 2)
        assert len(registered(tmp_path)) == 3

    def test_a_pass_expires_no_later_than_its_key(self, tmp_path: Path) -> None:
        key = make_issuer_key(NOW_AT - timedelta(days=300), NOW_AT + timedelta(days=20_000))
        key_files.write_issuer_key(key, tmp_path / "long", None)
        short = make_issuer_key(key.not_before_at, NOW_AT - timedelta(days=200))
        key_files.write_issuer_key(short, tmp_path / "short", None)
        assert "ends with it" not in run(issue, "--key", tmp_path / "long", "--out", tmp_path / "a").output
        result = run(issue, "--key", tmp_path / "short", "--out", tmp_path / "b")
        assert "ends with it" in result.output

    def test_register_and_keys_are_readable_by_their_owner_only(self, tmp_path: Path) -> None:
        run(issue, "--key", tmp_path / "k", "--out", tmp_path)
        for name in ("k", "register.csv", "root.key"):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600

    def test_a_key_may_issue_only_its_classes(self, tmp_path: Path) -> None:
        run(issue, "--key", tmp_path / "k", "--out", tmp_path, "--classes", "2, 3", "--status-class", 2)
        (key,) = trust_list.load_trust_list(tmp_path / "trust-list.cose")
        assert key.uses == {"2", "3"}
        assert isinstance(error_of(issue, "--key", tmp_path / "n", "--out", tmp_path, "--classes", "a"), SystemExit)

    def test_a_missing_key_option_is_an_error(self, tmp_path: Path) -> None:
        result = CliRunner().invoke(issue, ["--out", str(tmp_path)])
        assert result.exit_code == 2
        assert "--key FILE is missing" in result.output

    def test_a_folder_that_cannot_be_created_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        found = error_of(issue, "--key", tmp_path / "k", "--out", tmp_path / "file" / "out")
        assert isinstance(found, CsvImportError)
        assert "Give another --out" in str(found)


class TestManyPasses:
    def people(self, folder: Path, text: str) -> Path:
        path = folder / "people.csv"
        path.write_text(text, encoding="utf-8-sig")
        return path

    def test_all_cards_of_all_sheets_are_readable_in_print(self, tmp_path: Path) -> None:
        names = "".join(f"Trần Văn {'ABCDEFGHIJKL'[each]},{10 + each}\n" for each in range(12))
        path = self.people(tmp_path, "name,days\n" + names)
        result = run(issue, "--key", tmp_path / "k", "--out", tmp_path, "--csv", path)
        assert "12 passes" in result.output
        verifier = CredentialVerifier(trust_list.load_trust_list(tmp_path / "trust-list.cose"))
        pages = printed(tmp_path / "cards.pdf")
        found = [code for page in pages for code in codes_on(page)]
        claims = [verifier.verify(code, moment()) for code in found]
        assert [isinstance(claim, Claim) for claim in claims] == [True] * 12
        serials = [claim.subject.identifiers[0].value for claim in claims if isinstance(claim, Claim)]
        assert serials == [row["serial"] for row in registered(tmp_path)]
        assert len(pages) == 2

    def test_large_cards_have_five_centimetres_of_modules(self, tmp_path: Path) -> None:
        run(issue, "--key", tmp_path / "k", "--out", tmp_path, "--format", "large")
        assert print_sheets.LARGE_FORMAT.code_mm * 45 / 53 >= 50
        assert print_sheets.ID_1_FORMAT.code_mm >= 50
        (code,) = codes_on(printed(next(tmp_path.glob("*.pdf")))[0], print_sheets.LARGE_FORMAT)
        assert code.startswith(b"HUE1:")

    def test_a_csv_file_may_set_days_class_and_declaration(self, tmp_path: Path) -> None:
        path = self.people(tmp_path, "name,days,status_class,declaration_hours\nÁnh,5,3,0\nBình,,,\n")
        assert read_pass_requests(path, DEFAULT) == [PassRequest("Ánh", 5, 3, 0), PassRequest("Bình", 30, 1, 48)]

    def test_all_errors_are_reported_at_once_and_no_pass_is_made(self, tmp_path: Path) -> None:
        path = self.people(tmp_path, "name,days\nÁnh,5\n,5\nBình,0\nCường,x\n7,1\nDung,367\n")
        with pytest.raises(CsvImportError) as caught:
            read_pass_requests(path, DEFAULT)
        message = str(caught.value)
        assert [f"line {line}" in message for line in (2, 3, 4, 5, 6, 7)] == [False, True, True, True, True, True]
        assert "nothing was made" in message
        assert isinstance(
            error_of(issue, "--key", tmp_path / "k", "--out", tmp_path / "o", "--csv", path), CsvImportError
        )
        assert list((tmp_path / "o").iterdir()) == []

    @pytest.mark.parametrize("text", ["", "who\nÁnh\n", "name\n", "name,extra\nÁnh,1\n", "name\nÁnh,too many\n"])
    def test_a_csv_file_with_other_columns_is_refused(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(
            CsvImportError, match=r"Known columns: days, declaration_hours, name, status_class|nothing was made"
        ):
            read_pass_requests(self.people(tmp_path, text), DEFAULT)

    def test_a_csv_file_that_is_missing_or_not_text_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "binary").write_bytes(b"name\n\xff\xfe")
        with pytest.raises(CsvImportError, match="not a CSV file in UTF-8"):
            read_pass_requests(tmp_path / "binary", DEFAULT)
        with pytest.raises(CsvImportError, match="cannot be read: No such file"):
            read_pass_requests(tmp_path / "absent", DEFAULT)

    def test_too_many_people_at_once_are_refused(self, tmp_path: Path) -> None:
        path = self.people(tmp_path, "name\n" + "Ánh\n" * 20_001)
        with pytest.raises(CsvImportError, match="At most 20000 are allowed at once"):
            read_pass_requests(path, DEFAULT)


class TestPoster:
    def test_a_poster_code_has_fifteen_centimetres_and_is_readable_in_print(self, tmp_path: Path) -> None:
        address = "https://example.org/diadiem?id=046-0001"
        run(issue, "--out", tmp_path, "--poster", address, "--label", "Chợ Đông Ba")
        (page,) = printed(tmp_path / "poster.pdf", 100)
        (reading,) = decode_image(np.ascontiguousarray(page))
        assert reading.data == address.encode()
        assert reading.corners is not None
        (left, top), (right, also_top) = reading.corners[:2]
        side_mm = np.hypot(right - left, also_top - top) / 100 * 25.4
        assert side_mm == pytest.approx(150, abs=4)
        assert "Chợ Đông Ba" in pypdfium2.PdfDocument(tmp_path / "poster.pdf")[0].get_textpage().get_text_bounded()

    def test_an_address_that_is_too_long_is_refused_and_nothing_is_written(self, tmp_path: Path) -> None:
        assert isinstance(error_of(issue, "--out", tmp_path, "--poster", "x" * 3000), QrCodeError)
        assert list(tmp_path.iterdir()) == []


def test_a_code_with_too_small_modules_is_not_printed(tmp_path: Path) -> None:
    dense = qr_images.make_qr_code("https://example.org/" + "x" * 2000)
    card = print_sheets.PrintedCard(dense, "Ánh", NOW_AT, "Phường Vỹ Dạ")
    with pytest.raises(QrCodeError, match="too small for 50 mm"):
        print_sheets.write_cards([card], print_sheets.ID_1_FORMAT, tmp_path / "cards.pdf")
    assert list(tmp_path.iterdir()) == []


def test_a_code_that_the_decoder_cannot_read_is_not_printed() -> None:
    good = qr_images.make_qr_code("HUE1:" + "A" * 173)
    spoiled = good.modules.copy()
    spoiled[8:37, 8:37] = False
    with pytest.raises(QrCodeError, match="cannot read a code of 45 modules"):
        qr_images.check_readable(qr_images.QrCode(good.text, spoiled, good.designator), 50)


def test_a_very_long_name_is_printed_smaller_and_then_cut(tmp_path: Path) -> None:
    card = print_sheets.PrintedCard(qr_images.make_qr_code(WORLD["valid"].text), "Ngọc " * 60, NOW_AT, "")
    print_sheets.write_cards([card], print_sheets.ID_1_FORMAT, tmp_path / "cards.pdf")
    text = pypdfium2.PdfDocument(tmp_path / "cards.pdf")[0].get_textpage().get_text_bounded()
    assert "Ngọc Ngọc" in text
    assert text.count("Ngọc") < 60
