"""An answer of tracing as tables in a language: for pages, CSV and print. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from kiosk.system.csv_output import csv_text
from mqtt.centre.tracing.cases.cases import TraceCase
from mqtt.centre.tracing.cases.questions import StoredQuestion
from mqtt.centre.tracing.core.answers import Answer, AnswerPassage, AnswerPerson
from mqtt.centre.tracing.core.model import Grade
from web_ui.centre.data.tables import Cell, PageTable
from web_ui.i18n.formatting import LocaleFormatter

PassNames = Mapping[str, str]
"""Name of the holder by the serial of an entry pass, from the register of its issuer."""


def answer_tables(
    answer: Answer, titles: Mapping[str, str], formatter: LocaleFormatter, pass_names: PassNames | None = None
) -> list[PageTable]:
    """The tables of an answer that have rows: contacts, stays, passages. `titles`: of the sites, by name."""
    maker = _Tables(answer, titles, formatter, pass_names or {})
    found = [maker.contacts(), maker.stays(), maker.passages()]
    return [table for table in found if table.rows]


def sheet_heading(
    case: TraceCase, stored: StoredQuestion, reader: str, formatter: LocaleFormatter, now: datetime
) -> str:
    """What each sheet bears: case, order, question, time and reader."""
    return formatter.t(
        "centre.trace.sheet",
        number=case.number,
        order=case.order_no,
        question=formatter.t("centre.trace.question", number=stored.number),
        time=formatter.date_time(now),
        name=reader,
    )


def answer_lines(found: Answer, formatter: LocaleFormatter) -> list[str]:
    """What must be known besides the tables: what is behind an empty answer, and what could not be opened."""
    lines = []
    if not found.people and found.at_site_that_day:
        count = formatter.number(found.at_site_that_day)
        lines.append(formatter.t("centre.trace.found-none", count=count))
    if found.unreadable:
        lines.append(formatter.t("centre.trace.unreadable", count=formatter.number(found.unreadable)))
    if Grade.ASSUMED in {*(one.grade for one in found.stays), *(one.grade for one in found.contacts)}:
        lines.append(formatter.t("centre.trace.grade-note"))
    return lines


def answer_csv(heading: str, note: str, lines: Sequence[str], tables: Sequence[PageTable]) -> str:
    """The tables one after the other as CSV, with what each sheet bears in front."""
    rows: list[tuple[object, ...]] = [(heading,), (note,), *((line,) for line in lines)]
    for table in tables:
        rows += [(), (table.title,), table.header]
        rows += [tuple("" if cell is None else cell for cell in row) for row in table.rows]
    return csv_text(rows)


class _Tables:
    def __init__(
        self, answer: Answer, titles: Mapping[str, str], formatter: LocaleFormatter, pass_names: PassNames
    ) -> None:
        self._answer, self._titles, self._formatter, self._pass_names = answer, titles, formatter, pass_names

    def contacts(self) -> PageTable:
        grade: Callable[[str], str] = lambda code: self._formatter.t.code("centre.trace.grade", code)  # noqa: E731
        rows = tuple(
            (
                *self._person(one.other),
                self._site(one.site),
                self._time(one.since_at),
                self._time(one.until_at),
                one.minutes,
                grade(one.grade),
                one.degree,
            )
            for one in self._answer.contacts
        )
        names = ("contact-name", "born", "identifiers", "site", "since", "until", "minutes", "grade", "degree")
        return self._table("contacts", names, rows)

    def stays(self) -> PageTable:
        rows = tuple(
            (
                *self._person(one.person),
                self._site(one.site),
                self._time(one.since_at),
                self._time(one.until_at),
                self._formatter.t.code("centre.trace.grade", one.grade),
            )
            for one in self._answer.stays
        )
        return self._table("stays", ("name", "born", "identifiers", "site", "came", "left", "grade"), rows)

    def passages(self) -> PageTable:
        rows = tuple(
            (
                self._time(one.at) if one.at else f"({self._time(one.received_at)})",
                self._site(one.site),
                one.gate,
                self._formatter.t.code("direction", one.direction) if one.direction else "",
                self._formatter.t.code("centre.trace.passage-state", one.state),
                *self._owner(one),
            )
            for one in self._answer.passages
        )
        names = ("time", "site", "gate", "direction", "state", "name", "born", "identifiers")
        return self._table("passages", names, rows)

    def _table(self, name: str, columns: tuple[str, ...], rows: tuple[tuple[Cell, ...], ...]) -> PageTable:
        t = self._formatter.t
        return PageTable(t(f"centre.trace.{name}"), tuple(t(f"centre.column.{one}") for one in columns), rows)

    def _owner(self, one: AnswerPassage) -> tuple[str, str, str]:
        if one.person is None:
            return self._formatter.t.code("centre.trace.problem", one.problem), "", ""
        return self._person(one.person)

    def _person(self, place: int) -> tuple[str, str, str]:
        person = self._answer.people[place]
        return person.name or " / ".join(self._names(person)), person.born, ", ".join(self._numbers(person))

    def _names(self, person: AnswerPerson) -> Iterator[str]:
        for scheme, value in person.identifiers:
            if scheme == "pass" and value in self._pass_names:
                yield self._pass_names[value]

    def _numbers(self, person: AnswerPerson) -> Iterator[str]:
        for scheme, value in person.identifiers:
            yield value if scheme == "document" else f"{scheme} {value}"

    def _site(self, name: str) -> str:
        return self._titles.get(name, name)

    def _time(self, at: datetime) -> str:
        return f"{at.astimezone(self._formatter.zone):%H:%M} {self._formatter.date(at)}"
