"""`kiosk trace erase`, `certificate` and `breach`."""

from pathlib import Path

import click

from kiosk.system.atomic_files import write_file
from mqtt.centre.ingest.database import open_query
from mqtt.centre.remote.schema import prepare_remote
from mqtt.centre.tracing.cases import cases
from mqtt.centre.tracing.cases.questions import find_question, read_answer
from mqtt.centre.tracing.cases.schema import prepare_tracing
from mqtt.centre.tracing.core.answers import Answer
from mqtt.centre.tracing.erasure.breach import read_breach
from mqtt.centre.tracing.erasure.certificate import ErasureCertificate, read_certificate
from mqtt.centre.tracing.erasure.erasing import erase_person
from mqtt.centre.tracing.erasure.forgetting import forget_on_devices
from mqtt.printable_text import printable
from web_ui.centre.commands.trace.context import TraceSettings, in_words, signed_in, with_account
from web_ui.centre.data.calendar import CITY_ZONE, utc_now
from web_ui.centre.data.tables import PageTable
from web_ui.centre.data.trace_pdf import to_pdf
from web_ui.i18n.formatting import LocaleFormatter, language_names


@click.command()
@click.argument("question", type=int)
@with_account
@click.pass_obj
def erase(settings: TraceSettings, question: int, *, account: str, password_file: Path | None) -> None:
    """Erase the person that this question of an erasure case found. The case ends, and devices forget when they connect."""
    with signed_in(settings, account, password_file) as by:
        stored = find_question(by.query, question)
        case = cases.find_case(by.query, stored.case)
        cases.check_use(case, by.officer, by.area_of(case), by.now)
        found = Answer.parse(read_answer(by.query, settings.case_keys, stored))
    with in_words():
        count = erase_person(settings.database, case, account, found, utc_now())
        settings.case_keys.delete(case.number)
        prepare_remote(settings.database)
        forget_on_devices(settings.database, utc_now())
    click.echo(f"{count} passages are erased at the centre. Case {case.number} has ended.")
    click.echo(f"See when the devices have forgotten them: kiosk trace certificate {case.number}")


@click.command()
@click.argument("number", metavar="CASE", type=int)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="A PDF to write. Default: the terminal.")
@click.option("--language", type=click.Choice([code for code, _ in language_names()]), default="vi", show_default=True)
@click.pass_obj
def certificate(settings: TraceSettings, number: int, *, out: Path | None, language: str) -> None:
    """What an erasure case erased, and which devices have forgotten. Exit status 1 while a device has not."""
    with in_words():
        prepare_tracing(settings.database)
        prepare_remote(settings.database)
        forget_on_devices(settings.database, utc_now())
        with open_query(settings.database) as query:
            found = read_certificate(query, number)
    formatter = LocaleFormatter(language, CITY_ZONE)
    heading, lines, table = certificate_texts(found, formatter)
    if out:
        write_file(out, to_pdf(heading, formatter.date_time(utc_now()), [table], lines))
    else:
        click.echo("\n".join((heading, *lines, *(" | ".join(map(str, row)) for row in table.rows))))
    if not found.is_done:
        raise SystemExit(1)


def certificate_texts(found: ErasureCertificate, formatter: LocaleFormatter) -> tuple[str, list[str], PageTable]:
    """Heading, sentences, and a row for each device."""
    t = formatter.t
    at = formatter.date_time(found.erased_at) if found.erased_at else "–"
    lines = [
        t("centre.erasure.at-centre", count=formatter.number(found.events), time=at),
        t("centre.erasure.counts"),
        t("centre.erasure.done") if found.is_done else t("centre.erasure.waits"),
    ]
    rows = tuple(
        (
            one.wire_name,
            one.events,
            one.forgotten,
            formatter.date_time(one.last_at) if one.is_done and one.last_at else t("centre.erasure.not-yet"),
        )
        for one in found.devices
    )
    header = tuple(t(f"centre.column.{name}") for name in ("wire-name", "passages", "forgotten", "time"))
    heading = t("centre.erasure.certificate", number=found.case.number, order=found.case.order_no)
    return heading, lines, PageTable(t("centre.gates"), header, rows)


@click.command()
@click.option("--device", metavar="SITE/DEVICE", help="One stolen device. Default: the whole database of the centre.")
@click.pass_obj
def breach(settings: TraceSettings, device: str | None) -> None:
    """What a stolen device or database could show: keys, events, days and sites. It opens nothing.

    The events are sealed: only the private half of a key shows who passed. A device holds at most the events of its retention.
    """
    with in_words():
        prepare_tracing(settings.database)
        try:
            with open_query(settings.database) as query:
                rows = read_breach(query, device)
        except ValueError as error:
            raise click.ClickException(printable(str(error))) from error
    for row in rows:
        key = f"sealed to key {row.key_id}" if row.key_id else "without a person"
        click.echo(printable(f"{row.wire_name}: {row.events} events {key}, {row.first_day} to {row.last_day}"))
    keys, total = {row.key_id for row in rows} - {""}, sum(row.events for row in rows)
    sites = {row.wire_name.partition("/")[0] for row in rows}
    click.echo(
        f"together: {total} events of {len(sites)} sites, {len(keys)} keys. Pseudonyms, times and directions are readable."
    )
