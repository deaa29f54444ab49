"""Prints cards and posters on A4: vector codes, cut marks, Vietnamese typography (Be Vietnam Pro, SIL OFL 1.1).

A name is printed on a card and never encoded in it.
"""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path

from fpdf import FPDF

from kiosk.credentials.formats.fields import VIETNAM_TIMEZONE
from kiosk.credentials.issuing import names, qr_images
from kiosk.credentials.issuing.output_files import write_output
from kiosk.credentials.issuing.qr_images import QrCode
from kiosk.system.translations import in_all_languages

PAGE_WIDTH_MM, PAGE_HEIGHT_MM = 210.0, 297.0
CUT_MARK_MM = 4.0
_FONT = "Be Vietnam Pro"
_MM_PER_POINT = 25.4 / 72


@dataclass(frozen=True, slots=True)
class CardFormat:
    """Size of a card and number of cards per page."""

    name: str
    width_mm: float
    height_mm: float
    code_mm: float
    """Side of the code with its quiet zone."""
    columns: int
    rows: int


ID_1_FORMAT = CardFormat("id-1", 85.60, 53.98, 50.0, 2, 5)
"""ISO/IEC 7810 ID-1, the size of bank cards. The printed code is 5 x 5 cm with its quiet zone."""
LARGE_FORMAT = CardFormat("large", 95.0, 66.0, 59.0, 2, 4)
"""5 x 5 cm of modules, for weak eyes and weak cameras."""
CARD_FORMATS = {each.name: each for each in (ID_1_FORMAT, LARGE_FORMAT)}
POSTER_MODULES_MM = 150.0
"""A venue's poster is at least 15 x 15 cm (laodong.vn, 23 September 2021), not counting the quiet zone."""


@dataclass(frozen=True, slots=True)
class PrintedCard:
    """One card to print."""

    code: QrCode
    name: str = field(repr=False)
    expires_at: datetime
    issuer: str
    reference: str = field(default="", repr=False)
    """What tells people of one name apart."""
    serial: str = ""
    """Hexadecimal, as in the register."""
    help_phone: str = ""
    """Telephone number for people who need help. Empty: none is printed."""


def write_cards(
    cards: Sequence[PrintedCard],
    card_format: CardFormat,
    path: Path,
    on_card_checked: Callable[[], object] = lambda: None,
) -> None:
    """Check that each code and letter can be printed, then write the sheets.

    Raises QrCodeError, TextError or OutputError, and writes nothing then.
    """
    for card in cards:
        for text in (card.name, card.reference, card.issuer, card.help_phone):
            names.require_letters(text, f"{text!r}")
        qr_images.check_readable(card.code, card_format.code_mm)
        on_card_checked()
    pdf = _new_pdf()
    per_page = card_format.columns * card_format.rows
    for start in range(0, len(cards), per_page):
        pdf.add_page()
        _cut_marks(pdf, card_format)
        for card, (left, top) in zip(cards[start : start + per_page], _card_positions(card_format), strict=False):
            _draw_card(pdf, card, card_format, left, top)
    write_output(path, bytes(pdf.output()))


def write_poster(code: QrCode, title: str, lines: Sequence[str], path: Path) -> None:
    """Write one A4 poster with a code of 15 x 15 cm. Raises QrCodeError, TextError or OutputError."""
    for text in (title, *lines):
        names.require_letters(text, f"{text!r}")
    side_mm = POSTER_MODULES_MM * code.size_with_quiet_zone / code.size
    qr_images.check_readable(code, side_mm)
    pdf = _new_pdf()
    pdf.add_page()
    _draw_text(pdf, (15, 28), title, "B", 34, width=180, align="C")
    _draw_code(pdf, code, left=(PAGE_WIDTH_MM - side_mm) / 2, top=135 - side_mm / 2, side_mm=side_mm)
    for number, line in enumerate(lines):
        _draw_text(pdf, (15, 240 + 12 * number), line, "", 18, width=180, align="C")
    write_output(path, bytes(pdf.output()))


def _new_pdf() -> FPDF:
    pdf = FPDF(unit="mm", format="A4")
    pdf.set_auto_page_break(False)
    for style, weight in (("", "Regular"), ("B", "Bold")):
        pdf.add_font(_FONT, style, names.font_file(weight))
    pdf.set_creator("entrance-kiosk")
    return pdf


def _card_positions(card_format: CardFormat) -> Iterator[tuple[float, float]]:
    """Left and top of each card, row by row, centred on the page."""
    left = (PAGE_WIDTH_MM - card_format.columns * card_format.width_mm) / 2
    top = (PAGE_HEIGHT_MM - card_format.rows * card_format.height_mm) / 2
    for row in range(card_format.rows):
        for column in range(card_format.columns):
            yield left + column * card_format.width_mm, top + row * card_format.height_mm


def _cut_marks(pdf: FPDF, card_format: CardFormat) -> None:
    left, top = next(_card_positions(card_format))
    right, bottom = PAGE_WIDTH_MM - left, PAGE_HEIGHT_MM - top
    pdf.set_draw_color(120)
    pdf.set_line_width(0.1)
    for column in range(card_format.columns + 1):
        x = left + column * card_format.width_mm
        pdf.line(x, top - CUT_MARK_MM - 1, x, top - 1)
        pdf.line(x, bottom + 1, x, bottom + 1 + CUT_MARK_MM)
    for row in range(card_format.rows + 1):
        y = top + row * card_format.height_mm
        pdf.line(left - CUT_MARK_MM - 1, y, left - 1, y)
        pdf.line(right + 1, y, right + 1 + CUT_MARK_MM, y)


def _draw_card(pdf: FPDF, card: PrintedCard, card_format: CardFormat, left: float, top: float) -> None:
    inset = (card_format.height_mm - card_format.code_mm) / 2
    _draw_code(pdf, card.code, left=left + inset, top=top + inset, side_mm=card_format.code_mm)
    x = left + inset + card_format.code_mm
    width = card_format.width_mm - card_format.code_mm - 2 * inset - 1
    title, *others = in_all_languages("kind.entry-pass")
    _draw_text(pdf, (x, top + 8), title.upper(), "B", 11, width=width)
    _draw_text(pdf, (x, top + 12.5), " / ".join(others), "", 8, width=width)
    _draw_text(pdf, (x, top + 17), card.serial, "", 5, width=width)
    _draw_text(pdf, (x, top + 22), card.name, "B", 11, width=width, max_lines=3)
    _draw_text(pdf, (x, top + 37), card.reference, "", 6, width=width)
    until = card.expires_at.astimezone(VIETNAM_TIMEZONE)
    valid_until = " / ".join(in_all_languages("card.valid-until"))
    _draw_text(pdf, (x, top + card_format.height_mm - 14), valid_until, "", 6, width=width)
    _draw_text(pdf, (x, top + card_format.height_mm - 11), f"{until:%d/%m/%Y}", "", 8, width=width)
    if card.help_phone:
        text = f"{' / '.join(in_all_languages('card.help'))}: {card.help_phone}"
        _draw_text(pdf, (x, top + card_format.height_mm - 7.5), text, "", 6, width=width)
        _draw_text(pdf, (x, top + card_format.height_mm - 5), card.issuer, "", 6, width=width)
    else:
        _draw_text(pdf, (x, top + card_format.height_mm - 6), card.issuer, "", 6, width=width, max_lines=2)


def _draw_code(pdf: FPDF, code: QrCode, *, left: float, top: float, side_mm: float) -> None:
    """Dark modules as rectangles, one for each run in a row: sharp at any resolution."""
    module_mm = side_mm / code.size_with_quiet_zone
    pdf.set_fill_color(0)
    for row, line in enumerate(code.modules):
        column = 0
        for dark, run in groupby(line):
            length = sum(1 for _ in run)
            if dark:
                x, y = (
                    left + (column + qr_images.QUIET_MODULES) * module_mm,
                    top + (row + qr_images.QUIET_MODULES) * module_mm,
                )
                pdf.rect(x, y, length * module_mm, module_mm, style="F")
            column += length


def _draw_text(
    pdf: FPDF,
    corner: tuple[float, float],
    text: str,
    style: str,
    points: float,
    *,
    width: float,
    max_lines: int = 1,
    align: str = "L",
) -> None:
    """Text from its top left corner on, in a smaller size until it fits into its lines."""
    text = unicodedata.normalize("NFC", text)
    while True:
        pdf.set_font(_FONT, style, points)
        height = points * _MM_PER_POINT * 1.25
        lines = pdf.multi_cell(width, height, text, align=align, dry_run=True, output="LINES")
        assert isinstance(lines, list), "fpdf2 returns the type that `output` selects"
        if len(lines) <= max_lines or points <= 4:
            break
        points -= 0.5
    pdf.set_xy(*corner)
    pdf.multi_cell(width, height, "\n".join(lines[:max_lines]), align=align)
