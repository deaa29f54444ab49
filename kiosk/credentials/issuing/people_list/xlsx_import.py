"""Reads the first sheet of an Excel workbook (XLSX) as rows of texts, by openpyxl."""

import warnings
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from io import BytesIO
from typing import Any

from kiosk.core.ports import KioskError

MAX_UNPACKED_BYTES = 256 * 1024 * 1024
MAX_ROWS, MAX_COLUMNS = 25_000, 100
OPENING_BYTES = b"PK\x03\x04"
"""XLSX is a ZIP file."""


class XlsxError(KioskError):
    """The file cannot be read as a workbook. The message says what to do."""


def xlsx_rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Number of each row from 1, and its cells. Formulas are their last result. Raises XlsxError."""
    try:
        _require_size(data)
        yield from _rows(data)
    except XlsxError:
        raise
    except Exception as error:  # openpyxl raises errors of many kinds for a damaged workbook
        raise XlsxError(
            "is not an Excel workbook that can be read. Save it again as XLSX, or as `CSV UTF-8`."
        ) from error


def _require_size(data: bytes) -> None:
    with zipfile.ZipFile(BytesIO(data)) as packed:
        size_bytes = sum(entry.file_size for entry in packed.infolist())
    if size_bytes > MAX_UNPACKED_BYTES:
        raise XlsxError("is too large when it is unpacked. Save the one sheet with the names alone.")


def _rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    from openpyxl import load_workbook  # noqa: PLC0415  it takes 0.2 s, and most lists are CSV

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of styles and extensions, which are not read
        book = load_workbook(BytesIO(data), read_only=True, data_only=True, keep_links=False)
        try:
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # some programs write a wrong size, and rows would be left out
            for number, row in enumerate(sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS), 1):
                if number > MAX_ROWS:
                    raise XlsxError(f"has more than {MAX_ROWS} rows. Split the file.")
                cells = [_text(value) for value in row]
                while cells and not cells[-1]:
                    cells.pop()
                yield number, cells
        finally:
            book.close()


def _text(value: Any) -> str:
    """A number of a workbook is a float: 30.0 is 30."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)
