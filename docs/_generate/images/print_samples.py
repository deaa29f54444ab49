"""Draws a sheet of sample cards and a sample poster, as they come from the printer."""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pypdfium2  # type: ignore[import-untyped]  # it has no types; a page is rendered with it

from docs._generate.blocks import IMAGES
from kiosk.credentials.issuing import print_sheets, qr_images
from kiosk.system.translations import in_all_languages
from tests.fakes.data.people import NOW_AT, PEOPLE, WORLD


def main() -> None:
    """Write cards.png and poster.png."""
    names = [person.name for person in PEOPLE]
    cards = [
        print_sheets.PrintedCard(
            qr_images.make_qr_code(WORLD.make_valid_pass(number).decode()),
            names[number % len(names)],
            NOW_AT + timedelta(30),
            "Phường Vỹ Dạ",
        )
        for number in range(4)
    ]
    with TemporaryDirectory() as made:
        sheet, poster = Path(made) / "cards.pdf", Path(made) / "poster.pdf"
        print_sheets.write_cards(cards, print_sheets.ID_1_FORMAT, sheet)
        lines = in_all_languages("poster.how")
        print_sheets.write_poster(
            qr_images.make_qr_code("https://example.org/diadiem?id=046-0001"), "Chợ Đông Ba", lines, poster
        )
        for source, target, part in ((sheet, "cards.png", 0.42), (poster, "poster.png", 1.0)):
            picture = pypdfium2.PdfDocument(source)[0].render(scale=1.4, grayscale=True).to_pil()
            picture.crop((0, 0, picture.width, int(picture.height * part))).save(IMAGES / target, optimize=True)


if __name__ == "__main__":
    main()
