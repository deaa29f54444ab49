"""Prints tables of tracing on A4 sheets. Each sheet bears the number of the case, and when its copies are to be destroyed."""

import unicodedata
from collections.abc import Sequence
from functools import cache

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from kiosk.credentials.issuing import names
from kiosk.credentials.issuing.names import TextError
from web_ui.centre.data.tables import PageTable

_FONT = "Be Vietnam Pro"
_MARGIN_MM, _FOOTER_MM = 12, 14


class _Sheets(FPDF):
    """Landscape sheets with one line above and one below."""

    def __init__(self, heading: str, note: str) -> None:
        super().__init__(orientation="L", unit="mm", format="A4")
        self._heading, self._note = heading, note
        for style, weight in (("", "Regular"), ("B", "Bold")):
            self.add_font(_FONT, style, names.font_file(weight))
        self.set_margin(_MARGIN_MM)
        self.set_auto_page_break(True, _FOOTER_MM)
        self.set_creator("entrance-kiosk")

    def header(self) -> None:
        """On each sheet."""
        self.set_font(_FONT, "B", 10)
        self.cell(0, 8, self._heading, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def footer(self) -> None:
        """On each sheet."""
        self.set_y(-_FOOTER_MM + 2)
        self.set_font(_FONT, "", 8)
        self.cell(0, 6, f"{self._note} · {self.page_no()} / {{nb}}")


def to_pdf(heading: str, note: str, tables: Sequence[PageTable], lines: Sequence[str] = ()) -> bytes:
    """The tables as a PDF. `heading` and `note` stand on each sheet, `lines` before the first table."""
    pdf = _Sheets(_printable(heading), _printable(note))
    pdf.add_page()
    pdf.set_font(_FONT, "", 10)
    for line in lines:
        pdf.multi_cell(0, 6, _printable(line), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    for table in tables:
        pdf.set_font(_FONT, "B", 11)
        pdf.cell(0, 9, _printable(table.title), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        pdf.set_font(_FONT, "", 8)
        with pdf.table(text_align="L", line_height=5, repeat_headings=1) as printed:
            for row in (table.header, *table.rows):
                cells = printed.row()
                for cell in row:
                    cells.cell(_printable("" if cell is None else str(cell)))
    return bytes(pdf.output())


def _printable(text: str) -> str:
    """What the font has. A letter that it has not is a question mark."""
    return "".join(one if _has_letter(one) else "?" for one in unicodedata.normalize("NFC", text))


@cache
def _has_letter(letter: str) -> bool:
    try:
        names.require_letters(letter, "")
    except TextError:
        return letter in " \N{NO-BREAK SPACE}"
    return True
