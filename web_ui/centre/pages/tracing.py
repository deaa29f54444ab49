"""The pages of tracing: cases, their approval by a second officer, questions about sites, and results.

No private key is here: a machine with the keys answers (`kiosk trace answer`). Results are shown to tracers of the area only.
"""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, abort, make_response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from mqtt.centre.accounts.audit import take_turn
from mqtt.centre.accounts.roles import Permission
from mqtt.centre.ingest.database import Query, open_query
from mqtt.centre.registry.model import Area
from mqtt.centre.tracing.cases import cases
from mqtt.centre.tracing.cases.case_keys import CaseKeyError, CaseKeys
from mqtt.centre.tracing.cases.cases import CaseError, CaseRequest, CaseState, Officer, Purpose, TraceCase
from mqtt.centre.tracing.cases.questions import (
    Question,
    QuestionKind,
    QuestionState,
    StoredQuestion,
    ask,
    find_question,
    read_answer,
    read_questions,
)
from mqtt.centre.tracing.core.answers import Answer
from mqtt.centre.tracing.core.site_choice import UnknownSiteError, choose_site
from mqtt.centre.tracing.search.answering import count_passages, delete_expired
from mqtt.centre.tracing.search.sources import LedgerSource, source_of_area
from web_ui.centre.access import centre_context, current_fleet, guarded, viewer, write_audit
from web_ui.centre.data.calendar import CITY_ZONE, utc_now
from web_ui.centre.data.tables import BYTE_ORDER_MARK
from web_ui.centre.data.trace_tables import answer_csv, answer_lines, answer_tables, sheet_heading
from web_ui.centre.pages.rendering import page_formatter, render_page

trace_pages = Blueprint("tracing", __name__)
TIME_FORMATS = ("%d/%m/%Y %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M")
BROWSER_TIME = "%Y-%m-%dT%H:%M"


@trace_pages.get("/tracing")
@guarded(Permission.TRACE, Permission.APPROVE)
def case_list() -> AnyResponse:
    """The cases of the reader's areas, newest first. Those whose time is over end now."""
    return _render_list()


@trace_pages.post("/tracing")
@guarded(Permission.TRACE)
def open_case() -> AnyResponse:
    """Open a case that waits for its approval."""
    form = request.form
    area = current_fleet().registry.area(form.get("area", ""), current_fleet().day)
    if area is None or not viewer().rights.allows(Permission.TRACE, area):
        abort(404)
    try:
        purpose = Purpose(form.get("purpose", ""))
    except ValueError:
        abort(400)
    try:
        wanted = CaseRequest(form.get("order_no", "").strip(), purpose, form.get("why", ""))
        with open_query(centre_context().settings.database) as query:
            case = cases.open_case(query, _officer(), wanted, area, utc_now())
    except CaseError as error:
        return _render_list(error=error.code, code=400)
    return redirect(url_for("tracing.case", number=case.number))


@trace_pages.get("/tracing/<int:number>")
@guarded(Permission.TRACE, Permission.APPROVE)
def case(number: int) -> AnyResponse:
    """One case with its questions."""
    with open_query(centre_context().settings.database) as query:
        found, area = _visible(query, number)
    return _render_case(found, area)


@trace_pages.post("/tracing/<int:number>/<any(approve, refuse, end):act>")
@guarded(Permission.TRACE, Permission.APPROVE)
def decide(number: int, act: str) -> AnyResponse:
    """Approve or refuse the case of another officer, or end a case."""
    try:
        with open_query(centre_context().settings.database) as query:
            take_turn(query)
            found, area = _visible(query, number)
            if act == "end":
                cases.end_case(query, _officer(), found, area, utc_now())
            else:
                why = request.form.get("why", "")[: cases.MAX_REASON_LENGTH]
                is_approved = act == "approve"
                cases.decide_case(query, _officer(), found, area, utc_now(), is_approved=is_approved, why=why)
        if act == "end":
            _case_keys().delete(number)
    except CaseError as error:
        return _render_case(found, area, error=error.code, code=400)
    return redirect(url_for("tracing.case", number=number))


@trace_pages.post("/tracing/<int:number>/questions")
@guarded(Permission.TRACE)
def ask_place(number: int) -> AnyResponse:
    """Ask who was at a site. The page says at once how many passages there are, before any is unsealed."""
    with open_query(centre_context().settings.database) as query:
        found, area = _visible(query, number)
    try:
        source = _source(area)
        site = choose_site(request.form.get("site", "").strip()[:200], source.chosen_from)
        question = Question(QuestionKind.PLACE, _time("since"), _time("until"), site.site)
        count = count_passages(source, site.site, question.since_at, question.until_at)
        with open_query(centre_context().settings.database) as query:
            now = utc_now()
            cases.check_use(found, _officer(), area, now)
            ask(query, _case_keys(), found, viewer().name, question, now=now)
    except CaseError as error:
        return _render_case(found, area, error=error.code, code=400)
    except UnknownSiteError as error:
        return _render_case(found, area, unknown=error, code=400)
    return _render_case(found, area, asked=(site.title, count))


@trace_pages.get("/tracing/questions/<int:number>")
@guarded(Permission.TRACE)
def result(number: int) -> AnyResponse:
    """What a question found, as a page, CSV or PDF. The look is in the audit before anything is decrypted."""
    wanted = request.args.get("format", "")
    with open_query(centre_context().settings.database) as query:
        take_turn(query)
        stored, found, area = _visible_question(query, number)
        if found.state(utc_now()) is not CaseState.OPEN or stored.state is not QuestionState.ANSWERED:
            abort(404)
        about = f"question {number} of {cases.about(found)}{f' as {wanted}' if wanted else ''}"
        write_audit(query, "view-answer", about, area=found.area)
    try:
        with open_query(centre_context().settings.database) as query:
            answer = Answer.parse(read_answer(query, _case_keys(), stored))
    except CaseKeyError:
        return _render_case(found, area, error="unreadable", code=503)
    return _render_answer(found, stored, answer, _source(area), wanted)


def _render_answer(
    found: TraceCase, stored: StoredQuestion, answer: Answer, source: LedgerSource, wanted: str
) -> AnyResponse:
    formatter = page_formatter()
    tables = answer_tables(answer, {name: site.title for name, site in source.sites.items()}, formatter)
    heading = sheet_heading(found, stored, viewer().name, formatter, utc_now())
    note = formatter.t("centre.trace.sheet-note", time=formatter.date_time(found.until_at))
    lines = answer_lines(answer, formatter)
    if wanted == "pdf":
        from web_ui.centre.data.trace_pdf import to_pdf  # noqa: PLC0415  fonts and pictures need 18 MB, and few results are printed

        return _file(to_pdf(heading, note, tables, lines), "application/pdf", f"{stored.number}.pdf")
    if wanted == "csv":
        text = BYTE_ORDER_MARK + answer_csv(heading, note, lines, tables)
        return _file(text.encode("utf-8", "replace"), "text/csv; charset=utf-8", f"{stored.number}.csv")
    page = render_page(
        "trace_answer.html",
        heading=heading,
        note=note,
        lines=lines,
        tables=tables,
        case=found,
        kind=formatter.t.code("centre.trace.question", stored.kind),
    )
    page.headers["Cache-Control"] = "no-store"
    return page


def _file(content: bytes, kind: str, name: str) -> Response:
    answer = make_response(content)
    answer.headers["Content-Type"] = kind
    answer.headers["Content-Disposition"] = f'attachment; filename="question-{name}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _officer() -> Officer:
    return Officer(viewer().name, viewer().rights)


def _case_keys() -> CaseKeys:
    return CaseKeys(centre_context().settings.case_keys)


def _source(area: Area) -> LedgerSource:
    fleet = current_fleet()
    return source_of_area(centre_context().settings.database, fleet.registry, area, fleet.day, CITY_ZONE)


def _time(name: str) -> datetime:
    """A time of the city from the form. Raises CaseError."""
    text = request.form.get(name, "").strip()
    for form in TIME_FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=CITY_ZONE).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    raise CaseError("time", f"{text!r} is not a time")


def _area(number: int) -> Area:
    """The area of a case. Aborts with 404 where the registry has it no more."""
    return next((one for one in current_fleet().registry.rows.areas if one.number == number), None) or abort(404)


def _may_see(found: TraceCase) -> bool:
    area, rights = _area(found.area), viewer().rights
    return rights.allows(Permission.TRACE, area) or rights.allows(Permission.APPROVE, area)


def _visible(query: Query, number: int) -> tuple[TraceCase, Area]:
    """A case that the viewer may see. Aborts with 404."""
    try:
        found = cases.find_case(query, number)
    except CaseError:
        abort(404)
    if not _may_see(found):
        abort(404)
    return found, _area(found.area)


def _visible_question(query: Query, number: int) -> tuple[StoredQuestion, TraceCase, Area]:
    """A question whose result the viewer may see. Aborts with 404."""
    try:
        stored = find_question(query, number)
    except CaseError:
        abort(404)
    found, area = _visible(query, stored.case)
    if not viewer().rights.allows(Permission.TRACE, area):
        abort(404)
    return stored, found, area


def _render_list(*, error: str = "", code: int = 200) -> AnyResponse:
    formatter, fleet, now = page_formatter(), current_fleet(), utc_now()
    database = centre_context().settings.database
    delete_expired(database, _case_keys(), now)
    with open_query(database) as query:
        found = [one for one in cases.read_cases(query) if _may_see(one)]
    areas: list[Area] = []
    for top in viewer().rights.areas(Permission.TRACE):
        areas += fleet.registry.subtree(top, fleet.day)
    return render_page(
        "traces.html",
        code=code,
        rows=[_case_row(one) for one in found],
        areas=[(area.code, area.name(formatter.language)) for area in areas],
        purposes=[(one.value, formatter.t.code("centre.trace.purpose", one)) for one in Purpose],
        given=request.form,
        error=_refusal(error),
    )


def _render_case(
    found: TraceCase,
    area: Area,
    *,
    error: str = "",
    unknown: UnknownSiteError | None = None,
    asked: tuple[str, int] | None = None,
    code: int = 200,
) -> AnyResponse:
    formatter, now, rights = page_formatter(), utc_now(), viewer().rights
    with open_query(centre_context().settings.database) as query:
        found = cases.find_case(query, found.number)
        questions = read_questions(query, found.number)
    state, may_trace = found.state(now), rights.allows(Permission.TRACE, area)
    return render_page(
        "trace.html",
        code=code,
        case=found,
        row=_case_row(found),
        questions=[_question_row(one) for one in questions],
        may_ask=may_trace and state is CaseState.OPEN and found.purpose is Purpose.CONTACTS,
        may_look=may_trace and state is CaseState.OPEN,
        may_decide=rights.allows(Permission.APPROVE, area)
        and state is CaseState.WAITING
        and found.opened_by != viewer().name,
        may_end=state in {CaseState.OPEN, CaseState.WAITING},
        titles=sorted({one.title for one in _source(area).sites.values()}),
        given=request.form,
        error=_refusal(error),
        unknown=unknown,
        asked=None if asked is None else (asked[0], formatter.number(asked[1])),
    )


def _refusal(code: str) -> str:
    """A sentence for the code of a CaseError."""
    t = page_formatter().t
    known = f"centre.trace.refused.{code}"
    if not code:
        return ""
    return t(known) if t.has(known) else t("centre.trace.refused.closed")


def _case_row(found: TraceCase) -> dict[str, Any]:
    formatter, now = page_formatter(), utc_now()
    t, state = formatter.t, found.state(now)
    return {
        "number": found.number,
        "order": found.order_no,
        "why": found.why,
        "purpose": t.code("centre.trace.purpose", found.purpose),
        "area": _area(found.area).name(formatter.language),
        "state": state.value,
        "word": t.code("centre.trace.state", state),
        "opened": t("centre.trace.opened-by", name=found.opened_by, time=formatter.date_time(found.opened_at)),
        "decided": t("centre.trace.decided-by", name=found.decided_by, time=formatter.date_time(found.decided_at))
        if found.decided_at
        else "",
        "until": t("centre.trace.until", time=formatter.date_time(found.until_at)),
    }


def _question_row(stored: StoredQuestion) -> dict[str, Any]:
    formatter = page_formatter()
    t = formatter.t
    return {
        "number": stored.number,
        "kind": t.code("centre.trace.question", stored.kind),
        "by": stored.asked_by,
        "at": formatter.date_time(stored.asked_at),
        "state": stored.state.value,
        "word": t.code("centre.trace.question-state", stored.state),
        "progress": t("centre.trace.progress", done=stored.done, total=stored.total) if stored.total else "",
    }
