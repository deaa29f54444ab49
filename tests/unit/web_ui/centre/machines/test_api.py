"""`/api/v1`: a token reads what its account may see and nothing else, as described, and it ends with token, account and role."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings

from mqtt.centre.accounts import accounts
from mqtt.centre.accounts.accounts import close_account
from mqtt.centre.accounts.api_tokens import create_token, read_tokens, revoke_tokens
from mqtt.centre.accounts.audit import read_audit
from mqtt.centre.accounts.roles import OfficerRole
from mqtt.centre.alerts.conditions import AlertKind, Condition
from mqtt.centre.alerts.store import update_alerts
from mqtt.centre.ingest.database import open_query
from mqtt.centre.registry.store import read_rows
from tests.fakes.centre.city import CITY, PASSWORD, WARD_A, WARD_B, HourCount, account_name, add_hours
from tests.fakes.centre.pages import csrf, visiting

AUDITOR = OfficerRole.AUDITOR
OF_PLACES = {
    **{f"/areas/{code}{part}": code for code in (CITY, WARD_A, WARD_B) for part in ("", "/sites", "/devices", "/attendance")},
    **{f"/sites/dong-ba{part}": WARD_A for part in ("", "/hours", "/devices/gate-1")},
    **{f"/sites/vy-da{part}": WARD_B for part in ("", "/hours", "/devices/gate-1")},
}  # fmt: skip
"""Address, and the area that it is about."""
OPERATIONS = (
    "/areas", "/areas/{code}", "/areas/{code}/sites", "/areas/{code}/devices", "/areas/{code}/attendance", "/sites/{site}",
    "/sites/{site}/hours", "/sites/{site}/devices/{device}", "/alerts",
)  # fmt: skip


def token_of(city: str, name: str, days: int = 30, now: datetime | None = None) -> str:
    with open_query(city) as query:
        return create_token(query, name, "dashboard", days, now or datetime.now(UTC))


def get(app: Flask, token: str, address: str) -> tuple[int, Any]:
    answer = app.test_client().get(f"/api/v1{address}", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code, answer.json


@pytest.mark.parametrize("own_code", [CITY, WARD_A, WARD_B])
@pytest.mark.parametrize("role", list(OfficerRole))
def test_a_token_reads_the_areas_of_its_account_and_nothing_else(
    app: Flask, city: str, role: OfficerRole, own_code: str
) -> None:
    with open_query(city) as query:
        numbers = {area.code: area.number for area in read_rows(query).areas}
        found = [Condition(AlertKind.BACKLOG, "dong-ba/gate-1", numbers[WARD_A], "2000")]
        update_alerts(
            query, [*found, Condition(AlertKind.SILENT_SITE, "vy-da", numbers[WARD_B], "1")], datetime.now(UTC)
        )
    token = token_of(city, account_name(role, own_code))
    for address, code in OF_PLACES.items():
        allowed = role is not AUDITOR and own_code in {CITY, code}
        assert get(app, token, address)[0] == (200 if allowed else 404), address
    if role is AUDITOR:
        assert get(app, token, "/areas")[0] == get(app, token, "/alerts")[0] == 404
        return
    codes = {area["code"] for area in get(app, token, "/areas")[1]["areas"]}
    assert codes == {own_code} if own_code != CITY else len(codes) == 41
    subjects = {alert["subject"] for alert in get(app, token, "/alerts")[1]["alerts"]}
    own = {CITY: {"dong-ba/gate-1", "vy-da"}, WARD_A: {"dong-ba/gate-1"}, WARD_B: {"vy-da"}}
    assert subjects == own[own_code]


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", "Bearer entrance_x", "Basic abc", "Bearer entrance_é\x7f"])
def test_without_a_token_there_is_nothing_but_the_description(app: Flask, given: str) -> None:
    client = app.test_client()
    for address in (*OF_PLACES, "/areas", "/alerts", "/sites/nowhere"):
        answer = client.get(f"/api/v1{address}", headers={"Authorization": given})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert '"status":401' in answer.text
    assert client.get("/api/v1/openapi.json").status_code == 200


def test_the_session_of_a_browser_opens_no_api(app: Flask) -> None:
    with visiting(app, "admin-46") as client:
        assert client.get("/api/v1/areas").status_code == 401


def test_a_token_ends_with_its_time_its_account_and_by_hand(app: Flask, city: str, now: datetime) -> None:
    old = token_of(city, "viewer-46", days=1, now=now - timedelta(days=1, seconds=1))
    assert get(app, old, "/areas")[0] == 401
    token, other = token_of(city, "viewer-46"), token_of(city, "operator-46")
    assert get(app, token, "/areas")[0] == get(app, other, "/areas")[0] == 200
    with open_query(city) as query:
        assert revoke_tokens(query, "viewer-46") == 1
        close_account(query, "operator-46", (now - timedelta(days=1)).date())
    assert get(app, token, "/areas")[0] == get(app, other, "/areas")[0] == 401
    token = token_of(city, "viewer-46")
    with open_query(city) as query:
        accounts.set_roles(query, "viewer-46", [])
    assert get(app, token, "/areas")[0] == 404


def test_the_figures_are_those_of_the_pages(app: Flask, city: str, now: datetime) -> None:
    hour = now.replace(minute=0, second=0, microsecond=0)
    with open_query(city) as query:
        add_hours(query, [HourCount("dong-ba/gate-1", hour, 7), HourCount("dong-ba/gate-2", hour, 2, "out")])
        add_hours(query, [HourCount("dong-ba/gate-1", hour, 3, result="fail")])
    token = token_of(city, "viewer-19753")
    counts = {"passed_in": 7, "passed_out": 2, "refused": 3}
    assert get(app, token, "/sites/dong-ba")[1]["today"] == counts
    assert get(app, token, "/areas/19753")[1]["today"] == counts
    (one,) = get(app, token, "/sites/dong-ba/hours?days=1")[1]["hours"]
    assert one == {"hour": hour.isoformat().replace("+00:00", "Z"), "counts": counts}
    device = get(app, token, "/sites/dong-ba/devices/gate-2")[1]
    assert (device["name"], device["title"], device["is_silent"]) == ("dong-ba/gate-2", "Cổng 2", False)
    assert get(app, token, "/areas/19753/attendance?days=1")[1]["sites"][0]["site"] in {"dong-ba", "phu-xuan"}


def test_a_long_list_comes_in_parts(app: Flask, city: str) -> None:
    token, found = token_of(city, "viewer-46"), []
    after: str | None = ""
    while after is not None:
        part = get(app, token, f"/areas/46/devices?limit=2&after={after}")[1]
        assert len(part["devices"]) <= 2
        found += [device["name"] for device in part["devices"]]
        after = part["next"]
    assert found == ["ca-phe/gate-1", "dong-ba/gate-1", "dong-ba/gate-2", "phu-xuan/gate-1", "vy-da/gate-1"]


@pytest.mark.parametrize("asked", ["limit=0", "limit=", "limit=-1", "limit=5001", "limit=x", "limit=٣", "limit=1e3"])
def test_a_wrong_number_is_named_wrong(app: Flask, city: str, asked: str) -> None:
    status, body = get(app, token_of(city, "viewer-46"), f"/areas/46/sites?{asked}")
    assert (status, body["status"]) == (400, 400)


def test_a_person_makes_and_revokes_a_token_on_their_page(app: Flask, city: str) -> None:
    with visiting(app, "viewer-46") as client:
        form = {"csrf": csrf(client), "label": "Bảng điều khiển", "days": "90"}
        assert client.post("/me/tokens", data=form | {"present": "wrong"}).status_code == 403
        assert client.post("/me/tokens", data=form | {"present": PASSWORD, "label": " "}).status_code == 400
        page = client.post("/me/tokens", data=form | {"present": PASSWORD}).text
        token = page.split('<code class="secret">')[1].split("<")[0]
        assert get(app, token, "/areas")[0] == 200
        assert token not in client.get("/me/tokens").text
        with open_query(city) as query:
            (stored,) = read_tokens(query, "viewer-46")
            assert token not in str(query("SELECT * FROM api_token"))
            assert [row.entry.what for row in read_audit(query, limit=1)] == ["add-token"]
        with visiting(app, "viewer-19753") as other:
            theirs = other.post(f"/me/tokens/{stored.number}/revoke", data={"csrf": csrf(other)})
            assert theirs.status_code == 404
        client.post(f"/me/tokens/{stored.number}/revoke", data=form)
        assert get(app, token, "/areas")[0] == 401


@pytest.mark.parametrize("path", OPERATIONS)
def test_what_is_answered_is_described_whatever_is_asked(app: Flask, city: str, path: str) -> None:
    """Status, content type, headers and body against the description; and nothing that ends in a server error."""
    config = schemathesis.config.SchemathesisConfig.from_dict({"generation": {"mode": "all"}})
    described = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app, config=config)
    assert {f"/api/v1{one}" for one in OPERATIONS} == set(described.raw_schema["paths"])
    headers = {"Authorization": f"Bearer {token_of(city, 'viewer-46')}"}

    @given(case=described[f"/api/v1{path}"]["GET"].as_strategy())
    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    def fuzz(case: "schemathesis.Case[Any]") -> None:
        case.call_and_validate(headers=headers)

    fuzz()
