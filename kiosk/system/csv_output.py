"""Writes CSV files that people open in a spreadsheet. Every CSV export of the project goes through this module."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

# A cell that begins so is a formula for Excel or LibreOffice (OWASP, CSV injection). Full-width and small forms count too. Excel in
# a Vietnamese locale splits at `;`, so what stands behind a separator begins a cell as well. Blanks may stand in front.
_FORMULA = re.compile(
    r"((?:^|[;,|\t\r\n\"])[\s\u200b\ufeff]*)(?=[=+\-@\u2212\uff1d\uff0b\uff0d\uff20\ufe62\ufe63\ufe66\ufe6b])"
)
_CONTROL_AT_START = re.compile(r"^(?=[\t\r\n])")


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV with CRLF line ends (RFC 4180). Texts never become formulas. Numbers stay numbers."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([neutralised(cell) for cell in row] for row in rows)
    return buffer.getvalue()


def neutralised(cell: object) -> object:
    """The cell with an apostrophe in front of what a spreadsheet would run as a formula. Only texts are changed."""
    if not isinstance(cell, str):
        return cell
    return _CONTROL_AT_START.sub("'", _FORMULA.sub(r"\1'", cell))
