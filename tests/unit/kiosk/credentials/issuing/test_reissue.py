"""`kiosk reissue`: a damaged card is printed again, and passes are renewed before they end. Pictures and help on cards."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pypdfium2  # type: ignore[import-untyped]  # it has no types; text is read of it
import pytest

from kiosk.cli.issuing.issue import issue
from kiosk.cli.issuing.reissue import reissue
from kiosk.core.frame import Luma
from kiosk.credentials.issuing.register import RegisteredPass, ending_passes, find_passes
from kiosk.decoding.still_image import decode_image
from tests.fakes.parts.issuing_cli import registered, run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A register with three passes, two of them of one name, and the key that signed them."""
    source = tmp_path / "people.csv"
    source.write_text(
        "Họ tên;Mã NV;Số ngày\nLê Thị Huệ;NV-1;5\nLê Thị Huệ;NV-2;40\nTrần Văn Bình;NV-3;9\n", encoding="utf-8"
    )
    run(issue, "--key", tmp_path / "k", "--out", tmp_path, "--csv", source)
    return tmp_path


def again(folder: Path, *words: str, answer: str = "") -> str:
    command, *rest = words
    return run(reissue, command, "--key", folder / "k", "--out", folder, *rest, answer=answer).output


def luma(path: Path) -> Luma:
    """By way of the bytes, because OpenCV opens no file whose name has Vietnamese letters on every system."""
    found = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert found is not None
    return found.astype(np.uint8)


def text_of(path: Path) -> str:
    return str(pypdfium2.PdfDocument(path)[0].get_textpage().get_text_bounded())


def test_a_card_is_printed_again_with_its_serial_and_its_end(folder: Path) -> None:
    again(folder, "print", "--reference", "NV-1")
    first, *_, last = registered(folder)
    assert last["card"] == "reprint.pdf 1"
    assert {key: last[key] for key in ("serial", "issued_at", "days")} == {
        key: first[key] for key in ("serial", "issued_at", "days")
    }
    assert first["serial"] in text_of(folder / "reprint.pdf")
    (found,) = find_passes(folder / "register.csv", name=None, reference="NV-1")
    assert found.card == "reprint.pdf 1"


def test_where_two_people_have_one_name_the_person_at_the_desk_chooses(folder: Path) -> None:
    said = again(folder, "print", "--name", "lê thị huệ", answer="2\n")
    assert "NV-1" in said
    assert "NV-2" in said
    assert registered(folder)[-1]["reference"] == "NV-2"


def test_passes_that_end_soon_are_renewed_once(folder: Path) -> None:
    assert "2 passes" in again(folder, "renew", "--within-days", "10", "--days", "30")
    assert [row["reference"] for row in registered(folder)[3:]] == ["NV-1", "NV-3"]
    assert len({row["serial"] for row in registered(folder)}) == 5
    assert "No pass ends within 10 days." in again(folder, "renew", "--within-days", "10")


def test_each_person_has_a_picture_that_can_be_read_and_the_card_has_the_phone_number(folder: Path) -> None:
    source = folder / "people.csv"
    run(issue, "--key", folder / "k", "--out", folder, "--csv", source, "--pictures", "--help-phone", "0234 3822 222")
    pictures = sorted(path.name for path in (folder / "cards-2-pictures").iterdir())
    assert pictures == ["001 Lê Thị Huệ.png", "002 Lê Thị Huệ.png", "003 Trần Văn Bình.png"]
    texts = {
        reading.data
        for name in pictures
        for reading in decode_image(luma(folder / "cards-2-pictures" / name), is_known_format=lambda _: True)
    }
    assert len(texts) == 3
    assert "Trợ giúp / Help: 0234 3822 222" in text_of(folder / "cards-2.pdf")


def test_only_the_last_pass_of_a_person_counts_for_renewal() -> None:
    now_at = datetime(2026, 11, 28, tzinfo=UTC)

    def one(serial: str, reference: str, days_ago: int, days: str) -> RegisteredPass:
        return RegisteredPass(
            serial, "Lê Thị Huệ", reference, (now_at - timedelta(days=days_ago)).isoformat(), "", days
        )

    passes = [
        one("1", "a", 29, "30"),
        one("2", "a", 1, "30"),
        one("3", "b", 29, "30"),
        one("4", "c", 40, "30"),
        one("5", "d", 1, "?"),
    ]
    assert [each.serial for each in ending_passes(passes, now_at, timedelta(days=7))] == ["3", "4"]
