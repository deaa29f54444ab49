"""`kiosk trace place`, `person`, `contacts`, `answer`: ask under an open case, and answer with the private keys."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from mqtt.centre.ingest.database import open_query
from mqtt.centre.tracing.cases import cases
from mqtt.centre.tracing.cases.questions import (
    DEFAULT_OVERLAP_MINUTES,
    Question,
    QuestionKind,
    QuestionState,
    ask,
    read_questions,
)
from mqtt.centre.tracing.core.answers import Answer
from mqtt.centre.tracing.core.site_choice import choose_site
from mqtt.centre.tracing.keys.key_paths import keys_of_paths
from mqtt.centre.tracing.search.answering import answer_question, count_passages
from mqtt.centre.tracing.search.context import Answering
from mqtt.centre.tracing.search.person_search import SearchProgress
from web_ui.centre.commands.trace.context import (
    TIME_FORMATS,
    TraceSettings,
    as_utc,
    in_words,
    ledger_source,
    signed_in,
    with_account,
)
from web_ui.centre.commands.trace.identify import identifiers_of
from web_ui.centre.data.calendar import utc_now

Command = TypeVar("Command", bound=Callable[..., Any])
KEY_OPTION = click.option(
    "--key",
    "key_paths",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A private sealing key (PEM), a folder of them, or the folder of a holder (name two). Without it the question waits.",
)
KEY_PASSWORD_OPTION = click.option(
    "--key-password-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file with the password of the private key, if it has one.",
)
PROCESSES_OPTION = click.option("--processes", type=click.IntRange(1, 256), help="Default: one for each core.")


def _with_period(command: Command) -> Command:
    since = click.option("--since", required=True, type=click.DateTime(TIME_FORMATS), help="Time of the city.")
    until = click.option("--until", required=True, type=click.DateTime(TIME_FORMATS), help="Time of the city.")
    return since(until(command))


def _with_person(command: Command) -> Command:
    options = (
        click.option("--code-image", type=click.Path(path_type=Path), help="A picture of the person's code."),
        click.option("--scan", is_flag=True, help="Read the code with a hand scanner that types."),
        click.option("--document", "documents", multiple=True, help="Number of a document of the person."),
        click.option("--identifier", "others", multiple=True, metavar="SCHEME=VALUE", help="For example qid=…"),
    )
    for option in options:
        command = option(command)
    return command


@click.command()
@click.argument("case", type=int)
@click.option("--site", required=True, help="Title or name of the site.")
@_with_period
@KEY_OPTION
@KEY_PASSWORD_OPTION
@PROCESSES_OPTION
@with_account
@click.pass_obj
def place(
    settings: TraceSettings,
    /,
    case: int,
    *,
    site: str,
    since: datetime,
    until: datetime,
    **by: Any,
) -> None:
    """Ask who was at a site in a period."""
    with in_words():
        source = ledger_source(settings, case)
        chosen = choose_site(site, source.chosen_from)
        question = Question(QuestionKind.PLACE, as_utc(since), as_utc(until), chosen.site)
        found = count_passages(source, chosen.site, question.since_at, question.until_at)
    click.echo(f"{chosen.title}: {found} passages in this period.", err=True)
    _ask(settings, case, question, _AskedBy(**by))


@click.command()
@click.argument("case", type=int)
@_with_person
@_with_period
@KEY_OPTION
@KEY_PASSWORD_OPTION
@PROCESSES_OPTION
@with_account
@click.pass_obj
def person(
    settings: TraceSettings,
    /,
    case: int,
    *,
    code_image: Path | None,
    scan: bool,
    documents: tuple[str, ...],
    others: tuple[str, ...],
    since: datetime,
    until: datetime,
    **by: Any,
) -> None:
    """Ask where a person was: a search over all passages of the area and days."""
    identifiers = identifiers_of(code_image, documents, others, scan=scan)
    with in_words():
        question = Question(QuestionKind.PERSON, as_utc(since), as_utc(until), identifiers=identifiers)
    _ask(settings, case, question, _AskedBy(**by))


@click.command()
@click.argument("case", type=int)
@_with_person
@_with_period
@click.option(
    "--min-overlap", type=click.IntRange(1, 1440), default=DEFAULT_OVERLAP_MINUTES, show_default=True, help="Minutes."
)
@click.option("--degree", type=click.IntRange(1, 2), default=1, show_default=True, help="2: also contacts of contacts.")
@KEY_OPTION
@KEY_PASSWORD_OPTION
@PROCESSES_OPTION
@with_account
@click.pass_obj
def contacts(
    settings: TraceSettings,
    /,
    case: int,
    *,
    code_image: Path | None,
    scan: bool,
    documents: tuple[str, ...],
    others: tuple[str, ...],
    since: datetime,
    until: datetime,
    min_overlap: int,
    degree: int,
    **by: Any,
) -> None:
    """Ask who was at the same sites at the same time as a person."""
    identifiers = identifiers_of(code_image, documents, others, scan=scan)
    with in_words():
        question = Question(QuestionKind.CONTACTS, as_utc(since), as_utc(until), "", identifiers, min_overlap, degree)
    _ask(settings, case, question, _AskedBy(**by))


@click.command()
@click.argument("case", type=int)
@click.option(
    "--key",
    "key_paths",
    type=click.Path(path_type=Path),
    multiple=True,
    required=True,
    help="A private sealing key (PEM), a folder of them, or the folder of a holder (name two).",
)
@KEY_PASSWORD_OPTION
@PROCESSES_OPTION
@click.pass_obj
def answer(settings: TraceSettings, /, case: int, **by: Any) -> None:
    """Answer the questions of a case that wait, also those that were interrupted. For the machine with the keys."""
    with in_words():
        with open_query(settings.database) as query:
            cases.find_case(query, case)
            open_ones = (QuestionState.WAITING, QuestionState.RUNNING)
            waiting = [one.number for one in read_questions(query, case) if one.state in open_ones]
        for number in waiting:
            _answer(settings, case, number, _Answerer(**by))
    if not waiting:
        click.echo("No question waits.", err=True)


@dataclass(frozen=True, slots=True)
class _AskedBy:
    """Options of every question: who asks, and what answers."""

    account: str
    password_file: Path | None
    key_paths: tuple[Path, ...]
    key_password_file: Path | None
    processes: int | None

    @property
    def answerer(self) -> "_Answerer":
        return _Answerer(self.key_paths, self.key_password_file, self.processes)


@dataclass(frozen=True, slots=True)
class _Answerer:
    """Options of every answer."""

    key_paths: tuple[Path, ...]
    key_password_file: Path | None
    processes: int | None

    def keys(self) -> tuple[X25519PrivateKey, ...]:
        """The private keys. Raises PrivateKeyError."""
        named = self.key_password_file
        password = named.read_bytes().rstrip(b"\r\n") if named else None
        return keys_of_paths(self.key_paths, password)


def _ask(settings: TraceSettings, number: int, question: Question, asked_by: _AskedBy) -> None:
    with signed_in(settings, asked_by.account, asked_by.password_file) as by:
        case = cases.find_case(by.query, number)
        cases.check_use(case, by.officer, by.area_of(case), by.now)
        asked = ask(by.query, settings.case_keys, case, by.officer.name, question, now=by.now)
    click.echo(f"question {asked} of case {number}", err=True)
    if asked_by.key_paths:
        _answer(settings, number, asked, asked_by.answerer)


def _answer(settings: TraceSettings, case: int, number: int, by: _Answerer) -> None:
    with in_words():
        source = ledger_source(settings, case)
        keys = by.keys()
        answering = Answering(
            settings.database, settings.case_keys, source, keys, utc_now, _print_progress, by.processes
        )
        found = answer_question(answering, number)
    click.echo(f"question {number}: {summary(found)}. Read it with: kiosk trace results {number}")


def summary(found: Answer) -> str:
    """Counts of an answer, and what is behind an empty one."""
    parts = [f"{len(found.people)} people", f"{len(found.passages)} passages", f"{len(found.stays)} stays"]
    if found.contacts:
        parts.append(f"{len(found.contacts)} contacts")
    if not found.people and found.at_site_that_day:
        parts.append(f"0 found in this period: {found.at_site_that_day} passages at that site on these days")
    if found.unreadable:
        parts.append(f"{found.unreadable} passages could not be unsealed with these keys")
    return ", ".join(parts)


def _print_progress(progress: SearchProgress) -> None:
    left = f", {timedelta(seconds=round(progress.left_s))} left" if progress.left_s is not None else ""
    click.echo(f"{progress.done} of {progress.total} parts, {progress.searched} passages searched{left}", err=True)
