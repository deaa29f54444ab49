"""Every route, in every format, for every role in the city, in this ward and in another one. What is not allowed is not found."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mqtt.centre.accounts.roles import OfficerRole
from mqtt.centre.alerts.conditions import AlertKind, Condition
from mqtt.centre.alerts.store import update_alerts
from mqtt.centre.enrolment.invitations import create_invitation
from mqtt.centre.ingest.database import open_query
from mqtt.centre.registry.store import read_rows
from mqtt.centre.tracing.cases.case_keys import CaseKeys
from tests.fakes.centre.city import CITY, WARD_A, WARD_B, account_name
from tests.fakes.centre.pages import csrf, visiting
from tests.fakes.centre.sent_log import add_sent_log
from tests.fakes.centre.traced_events import add_answered_case
from web_ui.centre.access import API, PUBLIC, SIGNED_IN, TOKEN, mark_of

VIEWING = {OfficerRole.VIEWER, OfficerRole.OPERATOR, OfficerRole.TRACER, OfficerRole.APPROVER, OfficerRole.ADMIN}
OPERATING = {OfficerRole.OPERATOR, OfficerRole.ADMIN}
AUDITING = {OfficerRole.AUDITOR, OfficerRole.ADMIN}
MANAGING = {OfficerRole.ADMIN}
ASKING = {OfficerRole.TRACER}
TRACING = {OfficerRole.TRACER, OfficerRole.APPROVER}
ALL = set(OfficerRole)

# Endpoint: who may, and the addresses in the two wards. Without a ward, the page itself shows each reader's own areas.
ROUTES: dict[tuple[str, str], tuple[set[OfficerRole], dict[str, str]]] = {
    ("GET", "areas.home"): (ALL, {"": "/"}),
    ("GET", "areas.area"): (VIEWING, {code: f"/areas/{code}" for code in (CITY, WARD_A, WARD_B)}),
    ("GET", "sites.site"): (VIEWING, {WARD_A: "/sites/dong-ba", WARD_B: "/sites/vy-da"}),
    ("GET", "sites.device"): (
        VIEWING,
        {WARD_A: "/sites/dong-ba/devices/gate-1", WARD_B: "/sites/vy-da/devices/gate-1"},
    ),
    ("GET", "commands.command_list"): (
        OPERATING,
        {WARD_A: "/sites/dong-ba/devices/gate-1/commands", WARD_B: "/sites/vy-da/devices/gate-1/commands"},
    ),
    ("POST", "commands.give"): (
        OPERATING,
        {WARD_A: "/sites/dong-ba/devices/gate-1/commands", WARD_B: "/sites/vy-da/devices/gate-1/commands"},
    ),
    ("GET", "commands.content"): (
        OPERATING,
        {
            WARD_A: f"/sites/dong-ba/devices/gate-1/commands/{'1' * 32}",
            WARD_B: f"/sites/vy-da/devices/gate-1/commands/{'2' * 32}",
        },
    ),
    **{
        (method, f"configuration.{name}"): (
            OPERATING,
            {
                WARD_A: f"/sites/dong-ba/devices/gate-1/configuration{end}",
                WARD_B: f"/sites/vy-da/devices/gate-1/configuration{end}",
            },
        )
        for method, name, end in (
            ("GET", "configuration", ""),
            ("POST", "change", ""),
            ("POST", "try_again", "/try-again"),
        )
    },
    ("GET", "alerts.alerts"): (VIEWING, {"": "/alerts"}),
    ("POST", "alerts.acknowledge"): (OPERATING, {WARD_A: "/alerts/1/acknowledge", WARD_B: "/alerts/2/acknowledge"}),
    ("POST", "alerts.mute"): (OPERATING, {WARD_A: "/alerts/1/mute", WARD_B: "/alerts/2/mute"}),
    ("GET", "audit.audit"): (AUDITING, {"": "/audit"}),
    ("GET", "accounts.account_list"): (MANAGING, {"": "/accounts"}),
    ("POST", "accounts.add"): (MANAGING, {WARD_A: "/accounts", WARD_B: "/accounts"}),
    ("GET", "accounts.account"): (MANAGING, {code: f"/accounts/viewer-{code}" for code in (CITY, WARD_A, WARD_B)}),
    ("POST", "accounts.change"): (
        MANAGING,
        {code: f"/accounts/viewer-{code}/end-sessions" for code in (CITY, WARD_A, WARD_B)},
    ),
    ("GET", "enrolment.enrolment_list"): (MANAGING, {"": "/enrolment"}),
    ("POST", "enrolment.invite"): (MANAGING, {WARD_A: "/enrolment", WARD_B: "/enrolment"}),
    ("POST", "enrolment.decide"): (MANAGING, {WARD_A: "/enrolment/1/refuse", WARD_B: "/enrolment/2/refuse"}),
    ("GET", "tracing.case_list"): (TRACING, {"": "/tracing"}),
    ("POST", "tracing.open_case"): (ASKING, {WARD_A: "/tracing", WARD_B: "/tracing"}),
    ("GET", "tracing.case"): (TRACING, {WARD_A: "/tracing/1", WARD_B: "/tracing/2"}),
    ("POST", "tracing.ask_place"): (ASKING, {WARD_A: "/tracing/1/questions", WARD_B: "/tracing/2/questions"}),
    ("GET", "tracing.result"): (ASKING, {WARD_A: "/tracing/questions/1", WARD_B: "/tracing/questions/2"}),
    ("POST", "tracing.decide"): (TRACING, {WARD_A: "/tracing/1/end", WARD_B: "/tracing/2/end"}),
    ("GET", "sign_in.own_account"): (ALL, {"": "/me"}),
    ("POST", "sign_in.own_account"): (ALL, {"": "/me"}),
    ("POST", "sign_in.sign_out"): (ALL, {"": "/sign-out"}),
    ("GET", "second_factor.own"): (ALL, {"": "/me/second-factor"}),
    ("POST", "second_factor.change"): (ALL, {"": "/me/second-factor"}),
    ("GET", "api_tokens.own"): (ALL, {"": "/me/tokens"}),
    ("POST", "api_tokens.create"): (ALL, {"": "/me/tokens"}),
    ("POST", "api_tokens.revoke"): (ALL, {"": "/me/tokens/1/revoke"}),
}
PUBLIC_ROUTES = {
    "sign_in.sign_in", "second_factor.code", "provider.begin", "provider.back", "api.description", "healthz", "static",
}  # fmt: skip
TOKEN_ROUTES = {"metrics.metrics"}
"""See test_metrics.py."""
API_ROUTES = {
    f"api.{name}" for name in ("areas", "area", "sites", "devices", "attendance", "site", "hours", "device", "alerts")
}
"""See test_api.py."""
OWN_REFUSALS = {"second_factor.change": {403}, "api_tokens.create": {403}, "api_tokens.revoke": {404}}
"""Acts at the own account that need the password, or a token that exists."""
FORMATS = ("", "?format=main", "?format=csv", "?format=xlsx")


@pytest.fixture
def app_with_alerts(app: Flask, city: str) -> Flask:
    """Alert, case, question and invitation 1 are in ward A, number 2 in ward B."""
    with open_query(city) as query:
        numbers = {area.code: area.number for area in read_rows(query).areas}
        conditions = [
            Condition(AlertKind.BACKLOG, "dong-ba/gate-1", numbers[WARD_A], "2000"),
            Condition(AlertKind.SILENT_SITE, "vy-da", numbers[WARD_B], "1"),
        ]
        for condition in conditions:
            known = conditions[: conditions.index(condition) + 1]
            update_alerts(query, known, datetime.now(UTC))
        for site in ("dong-ba", "vy-da"):
            create_invitation(query, site, "gate-9", "an", datetime.now(UTC))
        add_sent_log(query, "1" * 32, "dong-ba/gate-1", datetime.now(UTC))
        add_sent_log(query, "2" * 32, "vy-da/gate-1", datetime.now(UTC))
        for code in (WARD_A, WARD_B):
            add_answered_case(query, CaseKeys(Path(f"{city}-case-keys")), numbers[code])
    return app


def form_for(client: FlaskClient, endpoint: str, code: str) -> dict[str, str]:
    fields = {"csrf": csrf(client), "hours": "8", "why": "repair", "role": "viewer", "area": code}
    if endpoint == "accounts.add":
        fields |= {"name": "added-account", "password": "mười hai ký tự trở lên"}
    if endpoint == "commands.give":
        fields |= {"name": "lamp-test"}
    if endpoint == "enrolment.invite":
        fields |= {"site": "dong-ba" if code == WARD_A else "vy-da", "device": "gate-8"}
    return fields


def covers(own_code: str, code: str) -> bool:
    return not code or own_code in {CITY, code}


def test_every_route_is_in_the_table_and_has_a_check(app: Flask) -> None:
    found = {
        (method, rule.endpoint)
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if method not in {"HEAD", "OPTIONS"} and rule.endpoint not in PUBLIC_ROUTES | TOKEN_ROUTES | API_ROUTES
    }
    assert found == set(ROUTES)
    assert {
        rule.endpoint for rule in app.url_map.iter_rules() if mark_of(app, rule.endpoint) == PUBLIC
    } == PUBLIC_ROUTES
    assert {rule.endpoint for rule in app.url_map.iter_rules() if mark_of(app, rule.endpoint) == TOKEN} == TOKEN_ROUTES
    assert {rule.endpoint for rule in app.url_map.iter_rules() if mark_of(app, rule.endpoint) == API} == API_ROUTES
    signed_in = {rule.endpoint for rule in app.url_map.iter_rules() if mark_of(app, rule.endpoint) == SIGNED_IN}
    assert signed_in == {endpoint for (_, endpoint), (roles, _) in ROUTES.items() if roles == ALL}


@pytest.mark.parametrize("own_code", [CITY, WARD_A, WARD_B])
@pytest.mark.parametrize("role", list(OfficerRole))
def test_a_reader_sees_their_own_areas_in_every_format_and_nothing_else(
    app_with_alerts: Flask, role: OfficerRole, own_code: str
) -> None:
    with visiting(app_with_alerts, account_name(role, own_code)) as client:
        for (method, endpoint), (roles, addresses) in ROUTES.items():
            if method != "GET":
                continue
            for code, address in addresses.items():
                for wanted in FORMATS:
                    status = client.get(address + wanted).status_code
                    allowed = role in roles and covers(own_code, code)
                    assert status in ({200, 302} if allowed else {404}), (endpoint, address + wanted, status)


@pytest.mark.parametrize("own_code", [CITY, WARD_A, WARD_B])
@pytest.mark.parametrize("role", list(OfficerRole))
def test_an_act_needs_the_role_in_the_area_the_token_and_our_own_page(
    app_with_alerts: Flask, role: OfficerRole, own_code: str
) -> None:
    for (method, endpoint), (roles, addresses) in ROUTES.items():
        if method != "POST":
            continue
        for code, address in addresses.items():
            with visiting(app_with_alerts, account_name(role, own_code)) as client:
                form = form_for(client, endpoint, code)
                allowed = role in roles and covers(own_code, code)
                # What lies in another area may be a 404 before the token is looked at.
                refused = {403} if allowed else {403, 404} if role in roles else {404}
                without = client.post(address, data=form | {"csrf": ""}).status_code
                assert without in refused, (endpoint, address)
                foreign = client.post(address, data=form, headers={"Sec-Fetch-Site": "cross-site"}).status_code
                assert foreign in refused, (endpoint, address)
                status = client.post(address, data=form).status_code
                done = {200, 302, 400, *OWN_REFUSALS.get(endpoint, ())}
                assert status in (done if allowed else {404}), (endpoint, address, status)


def test_a_stranger_is_sent_to_the_sign_in_page_and_gets_no_data(app_with_alerts: Flask) -> None:
    with visiting(app_with_alerts) as client:
        for (method, _), (_, addresses) in ROUTES.items():
            for address in addresses.values():
                if method == "POST":
                    assert client.post(address).status_code == 403
                    continue
                assert client.get(address).location == "/sign-in"
                for wanted in FORMATS[1:]:
                    assert client.get(address + wanted).status_code == 403


def test_an_account_without_a_role_sees_its_own_page_only(app_with_alerts: Flask) -> None:
    with visiting(app_with_alerts, "no-role") as client:
        for (method, _), (roles, addresses) in ROUTES.items():
            for address in addresses.values():
                if method == "GET":
                    assert client.get(address).status_code == (200 if roles == ALL else 404)


@pytest.mark.parametrize(
    "address", ["/areas/99999", "/sites/nowhere", "/sites/dong-ba/devices/gate-9", "/accounts/missing"]
)
def test_what_does_not_exist_looks_like_what_is_not_allowed(app: Flask, address: str) -> None:
    others = {"areas": "/areas/19777", "sites": "/sites/vy-da", "accounts": "/accounts/viewer-19777"}
    with visiting(app, "admin-19753") as client:
        missing, forbidden = client.get(address), client.get(others[address.split("/")[1]])
    assert missing.status_code == forbidden.status_code == 404
    assert missing.data == forbidden.data


def test_the_lists_of_a_ward_hold_nothing_of_another_ward(app_with_alerts: Flask) -> None:
    with visiting(app_with_alerts, "admin-19753") as client:
        for address in ("/alerts", "/audit", "/accounts", "/enrolment", "/alerts?format=csv", "/audit?format=csv"):
            text = client.get(address).get_data(as_text=True)
            assert "vy-da" not in text.lower()
            assert "Vỹ Dạ" not in text
            assert "-19777" not in text


def test_a_role_in_an_area_that_ended_gives_no_rights(app: Flask, city: str) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=2)).date().isoformat()
    with open_query(city) as query:
        query("UPDATE area SET until = ?, merged_into = ? WHERE code = ?", [yesterday, WARD_B, WARD_A])
        query("UPDATE registry_version SET version = version + 1")
    with visiting(app, "admin-19753") as client:
        assert client.get("/areas/19753").status_code == 404
        assert client.get("/sites/dong-ba").status_code == 404
    with visiting(app, "viewer-19777") as client:
        assert client.get("/sites/dong-ba").status_code == 200


def test_an_administrator_of_a_ward_cannot_give_roles_outside_it(app: Flask) -> None:
    with visiting(app, "admin-19753") as client:
        for code in (CITY, WARD_B):
            form = form_for(client, "accounts.add", code)
            assert client.post("/accounts", data=form).status_code == 404
            assert client.post("/accounts/viewer-19753/add-role", data=form).status_code == 404
        assert client.post("/accounts", data=form_for(client, "accounts.add", WARD_A)).status_code == 302


def test_an_administrator_cannot_take_away_their_own_rights(app: Flask) -> None:
    with visiting(app, "admin-46") as client:
        for action in ("close", "remove-role"):
            answer = client.post(f"/accounts/admin-46/{action}", data={"csrf": csrf(client)})
            assert answer.status_code == 400
        assert client.get("/accounts").status_code == 200
