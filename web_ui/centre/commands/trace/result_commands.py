"""`kiosk trace results`: show, save or print what a question found. Each look is in the audit first."""

from pathlib import Path

import click

from kiosk.credentials.issuing import register as pass_register
from kiosk.system.atomic_files import write_file
from mqtt.centre.accounts.audit import CentreAuditEntry, append_audit
from mqtt.centre.ingest.database import open_query
from mqtt.centre.tracing.cases import cases
from mqtt.centre.tracing.cases.questions import find_question, read_answer
from mqtt.centre.tracing.core.answers import Answer
from mqtt.printable_text import printable
from web_ui.centre.commands.trace.context import TraceSettings, in_words, ledger_source, signed_in, with_account
from web_ui.centre.data.calendar import CITY_ZONE, utc_now
from web_ui.centre.data.tables import BYTE_ORDER_MARK, PageTable
from web_ui.centre.data.trace_pdf import to_pdf
from web_ui.centre.data.trace_tables import answer_csv, answer_lines, answer_tables, sheet_heading
from web_ui.i18n.formatting import LocaleFormatter, language_names

FORMATS = (".csv", ".pdf")
CITY_LANGUAGE = "vi"


@click.command()
@click.argument("question", type=int)
@click.option("--out", type=click.Path(path_type=Path), help="A file to write, .csv or .pdf. Default: the terminal.")
@click.option(
    "--language",
    type=click.Choice([code for code, _ in language_names()]),
    default=CITY_LANGUAGE,
    show_default=True,
)
@click.option(
    "--register",
    type=click.Path(path_type=Path, exists=True),
    help="The register that an issuer handed over: entry passes get the names of their holders.",
)
@with_account
@click.pass_obj
def results(
    settings: TraceSettings,
    question: int,
    *,
    out: Path | None,
    language: str,
    register: Path | None,
    account: str,
    password_file: Path | None,
) -> None:
    """Show what a question found: tables, or a CSV or PDF file with the case number on each sheet."""
    if out is not None and out.suffix not in FORMATS:
        raise click.BadParameter("the name ends in .csv or .pdf", param_hint="--out")
    holders = pass_register.find_passes(register, name=None, reference=None) if register else []
    with signed_in(settings, account, password_file) as by:
        stored = find_question(by.query, question)
        case = cases.find_case(by.query, stored.case)
        cases.check_use(case, by.officer, by.area_of(case), by.now)
        how = f" as {out.suffix[1:]}" if out else ""
        about = f"question {question} of {cases.about(case)}{how}"
        append_audit(by.query, CentreAuditEntry(account, "view-answer", about, "", case.area), by.now)
    with in_words(), open_query(settings.database) as query:  # the audit row is on disk now
        found = Answer.parse(read_answer(query, settings.case_keys, stored))
    source = ledger_source(settings, case.number)
    formatter = LocaleFormatter(language, CITY_ZONE)
    titles = {name: site.title for name, site in source.sites.items()}
    tables = answer_tables(found, titles, formatter, {one.serial: one.name for one in holders})
    heading = sheet_heading(case, stored, account, formatter, utc_now())
    lines = answer_lines(found, formatter)
    if out is None:
        _print(heading, lines, tables)
        return
    note = formatter.t("centre.trace.sheet-note", time=formatter.date_time(case.until_at))
    if out.suffix == ".pdf":
        write_file(out, to_pdf(heading, note, tables, lines))
    else:
        write_file(out, (BYTE_ORDER_MARK + answer_csv(heading, note, lines, tables)).encode("utf-8", "replace"))
    click.echo(f"{out}. {note}")


def _print(heading: str, lines: list[str], tables: list[PageTable]) -> None:
    click.echo(heading)
    for line in lines:
        click.echo(line)
    for table in tables:
        click.echo(f"\n{table.title}\n" + " | ".join(table.header))
        for row in table.rows:
            click.echo(printable(" | ".join("" if cell is None else str(cell) for cell in row)))
