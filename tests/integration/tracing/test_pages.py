"""The pages of tracing, used by two officers: open, approve, ask, answer on the machine with the keys, read, end."""

from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from mqtt.centre.accounts.audit import read_audit
from mqtt.centre.ingest.database import open_query
from tests.fakes.centre.pages import csrf, visiting
from tests.fakes.centre.traced_events import APPROVER, BUOI, TRACER, Station
from tests.integration.tracing.conftest import MORNING
from web_ui.centre.app import create_app
from web_ui.centre.data.calendar import CITY_ZONE
from web_ui.centre.settings import CentreWebSettings

CASE = {"order_no": "17/QĐ-UBND", "why": "Ổ dịch tại chợ, truy vết", "purpose": "contacts", "area": "19753"}
FROM, TO = (f"{(MORNING + timedelta(minutes=minutes)).astimezone(CITY_ZONE):%Y-%m-%dT%H:%M}" for minutes in (-30, 120))
MARKET = {"site": "Chợ Đông Ba", "since": FROM, "until": TO}


@pytest.fixture
def officers(station: Station) -> tuple[FlaskClient, FlaskClient]:
    """Browsers of the officer who traces and of the one who approves."""
    app, _ = create_app(CentreWebSettings(station.database, case_keys=station.case_keys))
    with visiting(app, TRACER) as tracer, visiting(app, APPROVER) as approver:
        return tracer, approver


def post(client: FlaskClient, address: str, **form: str) -> TestResponse:
    return client.post(address, data=form | {"csrf": csrf(client)})


def text_of(answer: TestResponse) -> str:
    return answer.get_data(as_text=True)


def open_approved(officers: tuple[FlaskClient, FlaskClient]) -> None:
    tracer, approver = officers
    assert post(tracer, "/tracing", **CASE).location == "/tracing/1"
    assert "Waits for approval" in text_of(tracer.get("/tracing/1"))
    assert post(approver, "/tracing/1/approve").location == "/tracing/1"


def test_two_officers_open_ask_and_read_and_only_one_of_them_sees_names(
    station: Station, officers: tuple[FlaskClient, FlaskClient]
) -> None:
    tracer, approver = officers
    open_approved(officers)
    asked = text_of(post(tracer, "/tracing/1/questions", **MARKET))
    assert "Chợ Đông Ba: 6 passages in this period" in asked
    assert BUOI not in asked
    assert tracer.get("/tracing/questions/1").status_code == 404, "it waits for the keys"
    assert station.run("answer", "1", key=station.folder / "key.pem").exit_code == 0
    page = tracer.get("/tracing/questions/1")
    assert BUOI in text_of(page)
    assert page.headers["Cache-Control"] == "no-store"
    assert "These pages hold no names" not in text_of(page)
    assert BUOI in tracer.get("/tracing/questions/1?format=csv").get_data().decode("utf-8-sig")
    assert tracer.get("/tracing/questions/1?format=pdf").get_data().startswith(b"%PDF")
    assert approver.get("/tracing/questions/1").status_code == 404
    assert BUOI not in text_of(approver.get("/tracing/1"))
    with open_query(station.database) as query:
        looks = [row for row in read_audit(query) if row.entry.what == "view-answer"]
    assert len(looks) == 3
    assert post(tracer, "/tracing/1/end").location == "/tracing/1"
    assert tracer.get("/tracing/questions/1").status_code == 404
    assert list(station.case_keys.iterdir()) == []


def test_the_officer_who_opened_a_case_cannot_approve_it_on_the_page_either(
    station: Station, officers: tuple[FlaskClient, FlaskClient]
) -> None:
    tracer, _ = officers
    with open_query(station.database) as query:
        area = query("SELECT area FROM account_role WHERE account = ?", [TRACER])[0]["area"]
        query("INSERT INTO account_role VALUES (?, 'approver', ?)", [TRACER, area])
    post(tracer, "/tracing", **CASE)
    refused = post(tracer, "/tracing/1/approve")
    assert (refused.status_code, "Another officer must approve" in text_of(refused)) == (400, True)
    assert post(tracer, "/tracing/1/questions", **MARKET).status_code == 400


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"site": "Chợ Đông Bà Triệu"}, "Did you mean: Chợ Đông Ba?"),
        ({"site": "UBND phường Vỹ Dạ"}, "There is no site"),
        ({"site": ""}, "There is no site"),
        ({"since": "yesterday"}, "Write the time like"),
        ({"since": TO, "until": FROM}, "ends before it begins"),
        ({"since": "2020-01-01T00:00"}, "too long"),
        ({"since": "9999-12-31T23:59", "until": "9999-12-31T23:59"}, "ends before it begins"),
    ],
)
def test_a_question_that_cannot_be_asked_is_answered_in_words(
    officers: tuple[FlaskClient, FlaskClient], changed: dict[str, str], words: str
) -> None:
    open_approved(officers)
    answer = post(officers[0], "/tracing/1/questions", **MARKET | changed)
    assert (answer.status_code, words in text_of(answer)) == (400, True)
    assert "No question has been asked." in text_of(officers[0].get("/tracing/1"))


@pytest.mark.parametrize(
    ("changed", "words"), [({"order_no": "1"}, "number of the order"), ({"why": "vì"}, "A reason of 10 to 500")]
)
def test_a_case_without_order_or_reason_is_not_opened(
    officers: tuple[FlaskClient, FlaskClient], changed: dict[str, str], words: str
) -> None:
    answer = post(officers[0], "/tracing", **CASE | changed)
    assert (answer.status_code, words in text_of(answer)) == (400, True)
    assert "There is no case." in text_of(officers[0].get("/tracing"))


def test_a_result_whose_key_is_lost_is_said_in_words(
    station: Station, officers: tuple[FlaskClient, FlaskClient], tmp_path: Path
) -> None:
    open_approved(officers)
    post(officers[0], "/tracing/1/questions", **MARKET)
    station.run("answer", "1", key=station.folder / "key.pem")
    (station.case_keys / "1.case-key").unlink()
    answer = officers[0].get("/tracing/questions/1")
    assert (answer.status_code, "its key is not here" in text_of(answer)) == (503, True)
