"""Tables to export: CSV for programs and spreadsheets, XLSX for people. One table is a header and rows of texts and numbers."""

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from kiosk.system.csv_output import csv_text

Cell = str | int | float | None
BYTE_ORDER_MARK = "\ufeff"
"""Excel reads a CSV file as UTF-8 only with it."""
MAX_ROWS = 1_048_576
"""Of a sheet (ECMA-376 as Excel reads it)."""
MAX_CELL_LENGTH = 32_767
_MAX_SHEET_NAME = 31
# XML 1.0 has no other control characters, and no lone surrogates.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class PageTable:
    """Something to export."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def to_csv(table: PageTable) -> bytes:
    """UTF-8 with a byte order mark. Texts never become formulas."""
    cells = [["" if cell is None else cell for cell in row] for row in (table.header, *table.rows)]
    return (BYTE_ORDER_MARK + csv_text(cells)).encode("utf-8", "replace")


_CONTENT_TYPES = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">\
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>\
<Default Extension="xml" ContentType="application/xml"/>\
<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>\
<Override PartName="/xl/worksheets/sheet1.xml" \
ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>\
<Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/>\
</Types>"""
_RELATIONSHIP = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONSHIPS = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{}</Relationships>"""
_PACKAGE = _RELATIONSHIPS.format(
    f'<Relationship Id="rId1" Type="{_RELATIONSHIP}/officeDocument" Target="xl/workbook.xml"/>'
)
_WORKBOOK_RELATIONSHIPS = _RELATIONSHIPS.format(
    f'<Relationship Id="rId1" Type="{_RELATIONSHIP}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_RELATIONSHIP}/styles" Target="styles.xml"/>'
)
_NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_STYLES = f"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<styleSheet xmlns="{_NAMESPACE}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>\
<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>\
<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>\
<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>\
<cellXfs count="2"><xf xfId="0"/><xf xfId="0" fontId="1" applyFont="1"/></cellXfs></styleSheet>"""
_BOLD = 1


def to_xlsx(table: PageTable) -> bytes:
    """One sheet with a fixed bold header (ECMA-376, inline strings). A text is a text: no cell is ever a formula."""
    sheet_name = re.sub(r"[\[\]:*?/\\']", " ", _text(table.title)).strip()[:_MAX_SHEET_NAME] or "1"
    workbook = (
        f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<workbook xmlns="{_NAMESPACE}" xmlns:r="{_RELATIONSHIP}">'
        f'<sheets><sheet name="{escape(sheet_name, {chr(34): "&quot;"})}" sheetId="1" r:id="rId1"/></sheets></workbook>'
    )
    parts = {
        "[Content_Types].xml": _CONTENT_TYPES,
        "_rels/.rels": _PACKAGE,
        "xl/workbook.xml": workbook,
        "xl/_rels/workbook.xml.rels": _WORKBOOK_RELATIONSHIPS,
        "xl/styles.xml": _STYLES,
        "xl/worksheets/sheet1.xml": "".join(_sheet(table)),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _sheet(table: PageTable) -> Iterator[str]:
    yield f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<worksheet xmlns="{_NAMESPACE}">'
    yield '<sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" state="frozen"/></sheetView></sheetViews>'
    widths = [
        min(60, max(8, *(len(str(row[index] or "")) + 2 for row in (table.header, *table.rows[:500]))))
        for index in range(len(table.header))
    ]
    columns = (
        f'<col min="{number}" max="{number}" width="{width}" customWidth="1"/>'
        for number, width in enumerate(widths, 1)
    )
    yield f"<cols>{''.join(columns)}</cols><sheetData>"
    for number, row in enumerate((table.header, *table.rows)[:MAX_ROWS], start=1):
        yield f'<row r="{number}">{"".join(_cells(row, number))}</row>'
    yield "</sheetData></worksheet>"


def _cells(row: Sequence[Cell], number: int) -> Iterator[str]:
    style = f' s="{_BOLD}"' if number == 1 else ""
    for index, cell in enumerate(row):
        place = f"{_column(index)}{number}"
        if isinstance(cell, str):
            yield f'<c r="{place}" t="inlineStr"{style}><is><t xml:space="preserve">{escape(_text(cell))}</t></is></c>'
        elif cell is not None:
            yield f'<c r="{place}"{style}><v>{cell!r}</v></c>'


def _column(index: int) -> str:
    """A, B, … Z, AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)[:MAX_CELL_LENGTH]
