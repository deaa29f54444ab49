"""Answers the questions of a case. The audit row is on disk before the first passage is unsealed.

A process that is killed leaves the audit row, the parts of a search that it has kept, and no answer.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from mqtt.centre.ingest.database import Query, open_query
from mqtt.centre.tracing.cases.case_keys import CaseKeys
from mqtt.centre.tracing.cases.cases import CaseError, CaseState, TraceCase, expire_cases, find_case
from mqtt.centre.tracing.cases.questions import (
    Question,
    QuestionKind,
    StoredQuestion,
    begin_answer,
    find_question,
    read_body,
    read_parts,
    save_answer,
    save_part,
    set_progress,
)
from mqtt.centre.tracing.core.answers import Answer, make_answer
from mqtt.centre.tracing.core.model import SealedPassage
from mqtt.centre.tracing.core.stays import group_people, pair_people
from mqtt.centre.tracing.search.contact_search import ContactSearch
from mqtt.centre.tracing.search.context import Answering, write
from mqtt.centre.tracing.search.person_search import PersonSearch, SearchProgress
from mqtt.centre.tracing.search.sources import PassageSource


class _Begun(NamedTuple):
    """A question whose audit row is on disk."""

    stored: StoredQuestion
    question: Question
    kept: Mapping[str, Any]


def delete_expired(database: str, case_keys: CaseKeys, now: datetime) -> list[int]:
    """End the cases whose time is over, and delete the keys of all ended ones. Returns the numbers of those that ended now.

    Raises LedgerError and CaseKeyError.
    """
    expired = write(database, lambda query: expire_cases(query, now))
    with open_query(database) as query:
        ended = {int(row["number"]) for row in query("SELECT number FROM trace_case WHERE ended_at <> ''")}
    for number in case_keys.numbers():
        if number in ended:
            case_keys.delete(number)
    return expired


def answer_question(answering: Answering, number: int) -> Answer:
    """Answer a question of an open case, and store the answer. Raises CaseError, CaseKeyError, LedgerError, UnsealingError."""
    delete_expired(answering.database, answering.case_keys, answering.clock())
    begun = answering.write(lambda query: _begin(answering, query, number))
    if begun.question.kind is QuestionKind.PLACE:
        answer = _answer_place(answering, begun.question)
    else:
        answer = _answer_person(answering, begun)

    def save(query: Query) -> None:
        case = _open_case(query, begun.stored, answering.clock())
        save_answer(query, answering.case_keys, case, begun.stored, answer.content(), now=answering.clock())

    answering.write(save)
    return answer


def count_passages(source: PassageSource, site: str, since_at: datetime, until_at: datetime) -> int:
    """How many passages a site has in a period. Unseals nothing. Raises LedgerError."""
    return sum(map(len, source.read(frozenset({site}), since_at, until_at)))


def local_days(source: PassageSource, since_at: datetime, until_at: datetime) -> tuple[datetime, datetime]:
    """The whole local days of a period."""
    begin = since_at.astimezone(source.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    last = (until_at - timedelta(microseconds=1)).astimezone(source.zone)
    return begin, last.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _begin(answering: Answering, query: Query, number: int) -> _Begun:
    stored = find_question(query, number)
    case = _open_case(query, stored, answering.clock())
    question = read_body(query, answering.case_keys, stored)
    if question.site and question.site not in answering.source.sites:
        raise CaseError("site", f"the site {question.site} is not in the area of the case")
    kept = read_parts(query, answering.case_keys, stored)
    begin_answer(query, case, stored, question, answering.clock())
    return _Begun(stored, question, kept)


def _open_case(query: Query, stored: StoredQuestion, now: datetime) -> TraceCase:
    case = find_case(query, stored.case)
    state = case.state(now)
    if state is not CaseState.OPEN:
        raise CaseError(f"case-{state}", f"case {case.number} is {state}: it opens nothing")
    return case


def _answer_place(answering: Answering, question: Question) -> Answer:
    """Who was there: also those who came in before the period and had not left."""
    source, site = answering.source, question.site
    around = answering.rules[site].usual_stay
    unsealed, unreadable = answering.unseal_all({site: [(question.since_at - around, question.until_at + around)]})
    people = group_people(unsealed)
    stays = [
        one
        for one in pair_people(people, answering.rules)
        if one.until_at >= question.since_at and one.since_at < question.until_at
    ]
    shown = [one for one in unsealed if question.since_at <= _when(one.passage) < question.until_at]
    that_day = count_passages(source, site, *local_days(source, question.since_at, question.until_at))
    return make_answer(people, shown, stays, at_site_that_day=that_day, unreadable=unreadable)


def _answer_person(answering: Answering, begun: _Begun) -> Answer:
    question = begun.question
    found, unreadable = _search(answering, begun).find(question.identifiers)
    if question.kind is QuestionKind.CONTACTS:
        return ContactSearch(answering, question, found).answer(unreadable)
    people = group_people(found)
    return make_answer(people, found, pair_people(people, answering.rules), unreadable=unreadable)


def _search(answering: Answering, begun: _Begun) -> PersonSearch:
    def keep(part: str, content: object) -> None:
        def act(query: Query) -> None:
            _open_case(query, begun.stored, answering.clock())
            save_part(query, answering.case_keys, begun.stored, part, content)

        answering.write(act)

    def report(progress: SearchProgress) -> None:
        answering.write(lambda query: set_progress(query, begun.stored, progress.done, progress.total))
        answering.report(progress)

    return PersonSearch(
        answering.source,
        answering.private_keys,
        begun.question.since_at,
        begun.question.until_at,
        begun.kept,
        keep,
        report,
        answering.processes,
    )


def _when(passage: SealedPassage) -> datetime:
    return passage.at or passage.received_at
