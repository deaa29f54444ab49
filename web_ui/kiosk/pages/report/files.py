"""The activity report as files for a spreadsheet: CSV, and XLSX with a sheet for each table."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kiosk.system.csv_output import csv_text, neutralised
from web_ui.i18n.formatting import LocaleFormatter

MIME_TYPES = {"csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


@dataclass(frozen=True, slots=True)
class ReportTable:
    """One sheet."""

    title: str
    rows: tuple[tuple[object, ...], ...]
    """The first is the head."""


def report_tables(values: Mapping[str, Any], formatter: LocaleFormatter) -> tuple[ReportTable, ...]:
    """Days and refusals, from the values of the page (view.py). Numbers are numbers."""
    t = formatter.t
    names = ("day", "opening-hours", "passes", "ins", "outs", "checked", "refused", "down", "down-while-open")
    head = (*(t(f"report.{name}") for name in names), t("report.note"), *(f"{hour:02}:00" for hour in range(24)))
    days = tuple(row.cells for row in values["report_rows"])
    reasons = tuple((row.reason, row.events) for row in values["report_refusals"])
    return (
        ReportTable(t("report.by-day"), (head, *days)),
        ReportTable(t("report.refusals"), ((t("events.reason"), t("report.scans")), *reasons)),
    )


def csv_file(tables: Sequence[ReportTable]) -> bytes:
    """The tables one below the other. Excel reads UTF-8 only with the mark at the beginning."""
    rows: list[Sequence[object]] = []
    for table in tables:
        rows += [*([()] if rows else []), (table.title,), *table.rows]
    return ("\ufeff" + csv_text(rows)).encode()


def xlsx_file(tables: Sequence[ReportTable]) -> bytes:
    """A workbook."""
    from openpyxl import Workbook  # noqa: PLC0415  it takes 0.2 s and 10 MB, and few people download a workbook

    book = Workbook(write_only=True)
    for table in tables:
        sheet = book.create_sheet(table.title[:31])
        for row in table.rows:
            sheet.append([neutralised(cell) for cell in row])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()
