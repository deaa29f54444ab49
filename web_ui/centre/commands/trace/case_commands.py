"""`kiosk trace open`, `approve`, `refuse`, `end`, `cases`: the steps of a case."""

from pathlib import Path

import click

from mqtt.centre.ingest.database import open_query
from mqtt.centre.tracing.cases import cases
from mqtt.centre.tracing.cases.cases import CaseError, CaseRequest, CaseState, Purpose
from mqtt.centre.tracing.cases.questions import read_questions
from mqtt.centre.tracing.cases.schema import prepare_tracing
from mqtt.centre.tracing.search.answering import delete_expired
from mqtt.printable_text import printable
from web_ui.centre.commands.trace.context import TraceSettings, in_words, signed_in, with_account
from web_ui.centre.data.calendar import CITY_ZONE, local_day, utc_now


@click.command(name="open")
@click.option("--order-no", required=True, help="The number of the order, for example 17/QĐ-UBND.")
@click.option("--why", required=True, help="What the case is about. No names of people.")
@click.option("--area", "code", required=True, help="Code of the area that the case covers, with all areas below it.")
@click.option(
    "--purpose", type=click.Choice([one.value for one in Purpose]), default=Purpose.CONTACTS.value, show_default=True
)
@with_account
@click.pass_obj
def open_command(
    settings: TraceSettings,
    *,
    order_no: str,
    why: str,
    code: str,
    purpose: str,
    account: str,
    password_file: Path | None,
) -> None:
    """Open a case. It opens nothing until another officer has approved it."""
    with signed_in(settings, account, password_file) as by:
        area = by.registry.area(code, local_day(by.now))
        if area is None:
            raise CaseError("area", f"there is no area {code} today")
        request = CaseRequest(order_no.strip(), Purpose(purpose), why)
        case = cases.open_case(by.query, by.officer, request, area, by.now)
    click.echo(f"case {case.number} waits for the approval of another officer. It ends on {_day(case.until_at)}.")


@click.command()
@click.argument("number", type=int)
@with_account
@click.pass_obj
def approve(settings: TraceSettings, number: int, *, account: str, password_file: Path | None) -> None:
    """Approve a case that another officer opened."""
    _decide(settings, number, account, password_file, is_approved=True)
    click.echo(f"case {number} is open.")


@click.command()
@click.argument("number", type=int)
@click.option("--why", default="", help="Why it is refused.")
@with_account
@click.pass_obj
def refuse(settings: TraceSettings, number: int, *, why: str, account: str, password_file: Path | None) -> None:
    """Refuse a case that another officer opened."""
    _decide(settings, number, account, password_file, is_approved=False, why=why)
    click.echo(f"case {number} is refused.")


def _decide(
    settings: TraceSettings, number: int, account: str, password_file: Path | None, *, is_approved: bool, why: str = ""
) -> None:
    with signed_in(settings, account, password_file) as by:
        case = cases.find_case(by.query, number)
        cases.decide_case(by.query, by.officer, case, by.area_of(case), by.now, is_approved=is_approved, why=why)


@click.command()
@click.argument("number", type=int)
@with_account
@click.pass_obj
def end(settings: TraceSettings, number: int, *, account: str, password_file: Path | None) -> None:
    """End a case before its time. What it found can no longer be read, also not from a backup."""
    with signed_in(settings, account, password_file) as by:
        case = cases.find_case(by.query, number)
        cases.end_case(by.query, by.officer, case, by.area_of(case), by.now)
    with in_words():
        settings.case_keys.delete(number)
    click.echo(f"case {number} has ended. What it found is deleted.")


@click.command(name="cases")
@click.pass_obj
def cases_command(settings: TraceSettings) -> None:
    """List the cases, newest first, with their questions. Ends those whose time is over."""
    with in_words():
        prepare_tracing(settings.database)
        delete_expired(settings.database, settings.case_keys, utc_now())
        with open_query(settings.database) as query:
            found = cases.read_cases(query)
            asked = {case.number: read_questions(query, case.number) for case in found}
    now = utc_now()
    for case in found:
        state = case.state(now)
        until = f", until {_day(case.until_at)}" if state in {CaseState.OPEN, CaseState.WAITING} else ""
        by = f", decided by {case.decided_by}" if case.decided_by else ""
        text = f"case {case.number}: {case.order_no}, {case.purpose}, {state}{until}, opened by {case.opened_by}{by}"
        click.echo(printable(text))
        for one in asked[case.number]:
            progress = f" {one.done} of {one.total} parts" if one.total else ""
            click.echo(f"  question {one.number}: {one.kind}, {one.state}{progress}")
    if not found:
        click.echo("There is no case.", err=True)


def _day(at: object) -> str:
    return f"{at.astimezone(CITY_ZONE):%d/%m/%Y}" if hasattr(at, "astimezone") else ""
