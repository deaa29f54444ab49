"""The page of enrolments: the code is shown once, words and board stand beside the buttons, each act is audited first."""

import base64
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask

from kiosk.enrolment.device_key import make_key, make_request
from mqtt.centre.accounts.audit import read_audit
from mqtt.centre.alerts.conditions import AlertKind
from mqtt.centre.enrolment import invitations
from mqtt.centre.enrolment.certificate_request import parse_request
from mqtt.centre.enrolment.invitations import Invitation, InvitationState
from mqtt.centre.enrolment.key_words import key_words
from mqtt.centre.ingest.database import open_query
from tests.fakes.centre.enrolment import EnrolmentCentre
from tests.fakes.centre.pages import csrf, make_app, visiting
from web_ui.centre.access import centre_context
from web_ui.centre.data.alert_facts import enrolment_conditions

ADMIN, WARD_ADMIN = "admin-46", "admin-19753"


@pytest.fixture
def centre(city: str, tmp_path: Path) -> EnrolmentCentre:
    return EnrolmentCentre(tmp_path, city, url="https://centre.hue.example:8446")


@pytest.fixture
def app(centre: EnrolmentCentre) -> Flask:
    return make_app(centre.database)


def found(centre: EnrolmentCentre) -> list[Invitation]:
    with open_query(centre.database) as query:
        return invitations.read_invitations(query, datetime.now(UTC))


def wait_with(centre: EnrolmentCentre, site: str = "dong-ba", device: str = "gate-7") -> Invitation:
    """A kiosk that waits for its approval."""
    with open_query(centre.database) as query:
        made, token = invitations.create_invitation(query, site, device, "an", datetime.now(UTC))
        request = parse_request(base64.b64encode(make_request(make_key(), made.wire_name, "10000000abcdef")))
        name, now = made.wire_name, datetime.now(UTC)
        return invitations.submit_request(query, name, token, request, address="10.0.0.7", now=now)


def audited(centre: EnrolmentCentre) -> list[tuple[str, str]]:
    with open_query(centre.database) as query:
        return [(row.entry.who, row.entry.what) for row in read_audit(query) if "sign" not in row.entry.what]


def test_a_new_code_is_shown_once_and_never_again(app: Flask, centre: EnrolmentCentre) -> None:
    with visiting(app, ADMIN) as client:
        form = {
            "csrf": csrf(client),
            "site": "dong-ba",
            "device": "gate-7",
            "wifi": "cho",
            "password": "a long password",
        }
        page = client.post("/enrolment", data=form)
        assert page.status_code == 200
        assert page.headers["Cache-Control"] == "no-store"
        text = page.get_data(as_text=True)
        assert "<svg" in text
        assert "<path" in text
        assert "a long password" not in text
        assert "enrolment-code" not in client.get("/enrolment").get_data(as_text=True)
    assert [(one.wire_name, one.state, one.created_by) for one in found(centre)] == [
        ("dong-ba/gate-7", InvitationState.OPEN, ADMIN)
    ]
    assert audited(centre) == [(ADMIN, "invite-kiosk")]


@pytest.mark.parametrize(
    "change",
    [{"site": "Dong Ba!"}, {"device": ""}, {"device": "a/b"}, {"wifi": "x" * 40}, {"wifi": "net", "password": "short"}],
)
def test_a_wrong_form_makes_no_code_and_no_audit_row(
    app: Flask, centre: EnrolmentCentre, change: dict[str, str]
) -> None:
    with visiting(app, ADMIN) as client:
        form = {"csrf": csrf(client), "site": "dong-ba", "device": "gate-7"} | change
        page = client.post("/enrolment", data=form)
    assert page.status_code == 400
    assert "Nothing was changed" in page.get_data(as_text=True)
    assert (found(centre), audited(centre)) == ([], [])


def test_words_board_and_address_of_a_waiting_kiosk_are_shown_and_it_is_approved(
    app: Flask, centre: EnrolmentCentre
) -> None:
    waiting = wait_with(centre)
    with visiting(app, ADMIN) as client:
        text = client.get("/enrolment").get_data(as_text=True)
        for language in ("vi", "en"):
            assert " ".join(key_words(waiting.public_key_der, language)) in text
        assert "10000000abcdef" in text
        assert "10.0.0.7" in text
        assert waiting.key_hash in text
        form = {"csrf": csrf(client), "key": waiting.key_hash}
        assert client.post(f"/enrolment/{waiting.number}/approve", data=form).status_code == 302
        assert client.post(f"/enrolment/{waiting.number}/refuse", data=form).status_code == 400
    assert centre.found(waiting.number).state is InvitationState.APPROVED
    assert audited(centre) == [(ADMIN, "approve-enrolment")]


def test_an_approval_names_the_key_that_the_reader_saw(app: Flask, centre: EnrolmentCentre) -> None:
    waiting = wait_with(centre)
    with visiting(app, ADMIN) as client:
        for key in ("", "0" * 64):
            form = {"csrf": csrf(client), "key": key}
            assert client.post(f"/enrolment/{waiting.number}/approve", data=form).status_code == 400
        assert client.post(f"/enrolment/{waiting.number}/other", data={"csrf": csrf(client)}).status_code == 404
        assert client.post("/enrolment/999/approve", data={"csrf": csrf(client)}).status_code == 404
    assert centre.found(waiting.number).state is InvitationState.WAITING


def test_an_administrator_of_a_ward_enrols_the_gates_of_its_sites_only(app: Flask, centre: EnrolmentCentre) -> None:
    own, foreign = wait_with(centre), wait_with(centre, "vy-da")
    with visiting(app, WARD_ADMIN) as client:
        text = client.get("/enrolment").get_data(as_text=True)
        assert own.wire_name in text
        assert foreign.wire_name not in text
        form = {"csrf": csrf(client), "key": foreign.key_hash}
        assert client.post(f"/enrolment/{foreign.number}/approve", data=form).status_code == 404
        for site in ("vy-da", "nowhere"):
            data = {"csrf": csrf(client), "site": site, "device": "gate-1"}
            assert client.post("/enrolment", data=data).status_code == 404


def test_where_enrolment_is_not_set_up_the_page_says_so(city: str) -> None:
    with visiting(make_app(city), ADMIN) as client:
        page = client.post("/enrolment", data={"csrf": csrf(client), "site": "dong-ba", "device": "gate-7"})
    assert re.search("kiosk centre enrol set-up", page.get_data(as_text=True))


def test_a_code_that_two_devices_used_is_an_alert_and_stands_on_the_page(app: Flask, centre: EnrolmentCentre) -> None:
    waiting = wait_with(centre)
    with open_query(centre.database) as query:
        query(
            "UPDATE enrolment SET conflicts = 2, conflict_at = ?, conflict_address = '203.0.113.9'",
            [datetime.now(UTC).isoformat()],
        )
    with visiting(app, ADMIN) as client:
        assert "203.0.113.9" in client.get("/enrolment").get_data(as_text=True)
    with app.app_context(), open_query(centre.database) as query:
        alerts = enrolment_conditions(query, centre_context().reader.fleet(), datetime.now(UTC))
    (conflict,) = [one for one in alerts if one.kind is AlertKind.ENROLMENT_CONFLICT]
    assert (conflict.subject, conflict.detail) == (waiting.wire_name, "2")
    assert conflict.area > 0
