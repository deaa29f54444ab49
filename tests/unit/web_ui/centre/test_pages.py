"""The pages say what the database says: counts, silence, titles, gaps; in both languages, with exports, signed in and out."""

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from flask import Flask

from kiosk.system.translations import languages, translator
from mqtt.centre.accounts.audit import read_audit
from mqtt.centre.alerts.conditions import find_conditions
from mqtt.centre.alerts.store import update_alerts
from mqtt.centre.ingest.database import open_query
from mqtt.centre.registry.store import read_rows
from mqtt.centre.registry.tree import make_registry
from tests.fakes.centre.city import CITY, PASSWORD, WARD_A, HourCount, add_device, add_hours
from tests.fakes.centre.pages import csrf, make_app, visiting
from tests.paths import PROJECT
from web_ui.centre.data.alert_facts import device_facts
from web_ui.centre.data.calendar import local_day, midnight
from web_ui.centre.data.fleet import read_fleet

PAGES = (
    "/", "/areas/46", "/areas/19753", "/areas/19777", "/sites/dong-ba", "/sites/ca-phe",
    "/sites/dong-ba/devices/gate-1", "/alerts", "/audit", "/accounts", "/accounts/viewer-46", "/me",
    "/me/second-factor", "/me/tokens",
)  # fmt: skip


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def read(app: Flask, address: str, name: str = "admin-46", language: str = "en") -> str:
    with visiting(app, name) as client:
        answer = client.get(address, headers={"Accept-Language": language}, follow_redirects=True)
    assert answer.status_code == 200, answer.text
    return text_of(answer.text)


def count(city: str, *counts: HourCount) -> None:
    with open_query(city) as query:
        add_hours(query, counts)


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("address", PAGES)
def test_every_page_has_its_words_in_every_language(app: Flask, address: str, language: str) -> None:
    text = read(app, address, language=language)
    assert not re.search(r"\bcentre\.[a-z]", text)
    assert translator(language)("centre.title") in text


def test_the_city_says_how_many_sites_do_not_answer_and_the_worst_area_comes_first(app: Flask) -> None:
    text = read(app, f"/areas/{CITY}")
    assert "1 of 4 site does not answer." in text
    assert text.index("Vy Da Ward") < text.index("Phu Xuan Ward") < text.index("Thuan Hoa Ward")


def test_counts_of_today_are_those_of_the_city_day(app: Flask, city: str, now: datetime) -> None:
    start = midnight(local_day(now))
    count(
        city,
        HourCount("dong-ba/gate-1", start, 5),
        HourCount("dong-ba/gate-2", start, 4, "out"),
        HourCount("dong-ba/gate-1", start, 1, "in", "fail"),
        HourCount("dong-ba/gate-1", start - timedelta(hours=1), 1000),
    )
    text = read(app, f"/areas/{WARD_A}")
    assert "In today 5 Out today 4 Share refused 10.0 %" in text
    assert "1,009" in text
    assert "Inside now (about) 1 / 500" in read(app, "/sites/dong-ba")


def test_a_site_that_never_scanned_is_first_in_its_ward(app: Flask, city: str, now: datetime) -> None:
    hour = now.replace(minute=0, second=0, microsecond=0)
    count(city, *(HourCount("dong-ba/gate-1", hour - timedelta(hours=ago), 3) for ago in range(1, 400)))
    text = read(app, f"/areas/{WARD_A}")
    assert "UBND phường Phú Xuân Never scanned" in text
    assert "1 of 2 site does not scan as usual." in text


def test_a_device_of_an_unregistered_site_is_shown_to_the_city_only(app: Flask, city: str, now: datetime) -> None:
    with open_query(city) as query:
        add_device(query, "new-place/gate-7", now)
    assert "Sites without an area" in read(app, f"/areas/{CITY}")
    assert "new-place · gate-7" in read(app, "/sites/new-place/devices/gate-7")
    with visiting(app, "admin-19753") as client:
        assert client.get("/sites/new-place").status_code == 404


def test_a_registered_gate_that_never_connected_is_shown_as_silent(app: Flask, city: str) -> None:
    with open_query(city) as query:
        query("DELETE FROM device WHERE site = 'ca-phe'")
    assert "Cửa trước Does not answer –" in read(app, "/sites/ca-phe")
    assert "This device has sent no record." in read(app, "/sites/ca-phe/devices/gate-1")


def test_the_gaps_of_a_device_are_listed(app: Flask, city: str) -> None:
    with open_query(city) as query:
        number = query("SELECT number FROM device WHERE site = 'dong-ba' AND device = 'gate-1'")[0]["number"]
        query("INSERT INTO stream (device, epoch, newest_seq) VALUES (?, 'epoch-1', 20)", [number])
        stream = query("SELECT number FROM stream")[0]["number"]
        query("INSERT INTO seq_range VALUES (?, 1, 9), (?, 13, 20)", [stream, stream])
    assert "epoch-1 20 3 10-12 0 0" in read(app, "/sites/dong-ba/devices/gate-1")


@pytest.mark.parametrize("language", languages())
def test_a_device_shows_what_it_reports_about_itself_such_as_a_release_that_was_taken_back(
    app: Flask, city: str, language: str
) -> None:
    address, title = "/sites/dong-ba/devices/gate-1", translator(language)("centre.checks")
    assert title not in read(app, address, language=language)
    found = [
        {"code": "release", "status": "warn", "reason": "returned", "detail": "2 -> 1: trial: 3 restarts"},
        {"code": "from-the-future", "status": "fail", "detail": "<script>"},
    ]
    with open_query(city) as query:
        query("UPDATE device SET findings = ? WHERE site = 'dong-ba' AND device = 'gate-1'", [json.dumps(found)])
    text = read(app, address, language=language)
    assert f"{translator(language)('check.release.returned')} (2 -> 1: trial: 3 restarts)" in text
    assert "from-the-future: fail (<script>)" in text


def test_an_export_is_in_the_audit_before_it_leaves(app: Flask, city: str) -> None:
    with visiting(app, "viewer-46") as client:
        answer = client.get("/areas/46?format=csv")
        assert answer.headers["Content-Disposition"] == 'attachment; filename="areas-46.csv"'
        assert client.get("/areas/46?format=xlsx").data[:2] == b"PK"
    assert answer.get_data(as_text=True).count("\r\n") == 41
    with open_query(city) as query:
        assert [row.entry.what for row in read_audit(query)][:2] == ["export", "export"]


def test_a_page_that_did_not_change_is_not_sent_again(app: Flask) -> None:
    with visiting(app, "viewer-46") as client:
        first = client.get("/areas/46?format=main")
        again = client.get("/areas/46?format=main", headers={"If-None-Match": first.headers["ETag"]})
    assert first.status_code == 200
    assert "<html" not in first.text
    assert again.status_code == 304


def test_the_largest_page_of_a_full_city_is_light(app: Flask) -> None:
    with visiting(app, "viewer-46") as client:
        page = len(client.get("/areas/46").data)
    static = PROJECT / "web_ui" / "static"
    files = sum(
        (static / name).stat().st_size for name in ("style.css", "admin.css", "centre.css", "centre.js", "icon.svg")
    )
    assert page + files < 120_000


def test_signing_in_with_a_wrong_password_or_name_reads_alike_and_is_slowed(app: Flask, city: str) -> None:
    with visiting(app) as client:
        wrong = client.post("/sign-in", data={"name": "viewer-46", "password": "wrong"})
        unknown = client.post("/sign-in", data={"name": "viewer-47", "password": "wrong"})
        assert wrong.status_code == unknown.status_code == 403
        assert wrong.text.replace("viewer-46", "") == unknown.text.replace("viewer-47", "")
        client.post("/sign-in", data={"name": "viewer-46", "password": "wrong"})
        answer = client.post("/sign-in", data={"name": "viewer-46", "password": PASSWORD})
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) > 0
    with open_query(city) as query:
        assert {row.entry.what for row in read_audit(query, limit=3)} == {"sign-in-refused"}


def test_a_session_ends_with_sign_out_a_new_password_and_a_closed_account(app: Flask, city: str) -> None:
    with visiting(app, "viewer-46") as client:
        assert client.post("/sign-out", data={"csrf": csrf(client)}).status_code == 302
        assert client.get("/areas/46").status_code == 302
    for action, form in (("password", {"password": "một mật khẩu hoàn toàn mới"}), ("close", {}), ("end-sessions", {})):
        with visiting(app, "viewer-46") as client, visiting(app, "admin-46") as admin:
            assert client.get("/areas/46").status_code == 200
            assert admin.post(f"/accounts/viewer-46/{action}", data={"csrf": csrf(admin), **form}).status_code == 302
            assert client.get("/areas/46").status_code == 302
            admin.post("/accounts/viewer-46/reopen", data={"csrf": csrf(admin)})


def test_a_new_password_of_ones_own_needs_the_present_one(app: Flask) -> None:
    with visiting(app, "viewer-46") as client:
        form = {"csrf": csrf(client), "present": "wrong", "password": "một mật khẩu hoàn toàn mới"}
        assert client.post("/me", data=form).status_code == 400
        assert client.post("/me", data=form | {"present": PASSWORD, "password": "ngắn"}).status_code == 400
        assert client.post("/me", data=form | {"present": PASSWORD}).location == "/sign-in"
        assert client.get("/me").status_code == 302
        signed = client.post("/sign-in", data={"name": "viewer-46", "password": "một mật khẩu hoàn toàn mới"})
        assert signed.status_code == 302


def test_the_alerts_page_lists_acknowledges_and_mutes(app: Flask, city: str, now: datetime) -> None:
    with open_query(city) as query:
        fleet = read_fleet(query, make_registry(read_rows(query)), now)
        update_alerts(query, find_conditions(device_facts(query, fleet, now), now), now)
    text = read(app, "/alerts")
    assert "Site does not answer · UBND phường Vỹ Dạ" in text
    with visiting(app, "operator-19777") as client:
        form = {"csrf": csrf(client), "hours": "8", "why": "power cut"}
        assert client.post("/alerts/1/acknowledge", data=form).status_code == 302
        assert client.post("/alerts/1/mute", data=form).status_code == 302
        assert client.post("/alerts/1/mute", data=form | {"why": " "}).status_code == 400
        assert client.post("/alerts/1/mute", data=form | {"hours": "9999"}).status_code == 400
    text = read(app, "/alerts")
    assert "operator-19777 deals with it" in text
    assert "muted until" in text


def test_a_page_says_that_alerts_are_not_being_checked(app: Flask) -> None:
    assert "Alerts are not being checked now." in read(app, "/alerts")


def test_a_text_of_a_device_never_becomes_markup(app: Flask, city: str) -> None:
    with open_query(city) as query:
        query(
            "UPDATE device SET state_reason = '<script>alert(1)</script>\u202e', state = 'degraded', software_version = '<b>'"
        )
    with visiting(app, "viewer-46") as client:
        html = client.get("/sites/dong-ba/devices/gate-1").text
    assert "<script>alert" not in html
    assert "\u202e" not in html


@pytest.mark.parametrize("address", ["/areas/46?days=5", "/sites/dong-ba?days=x", "/audit?before=x", "/audit?before=²"])
def test_an_argument_that_is_no_value_is_a_bad_request(app: Flask, address: str) -> None:
    with visiting(app, "admin-46") as client:
        expected = 200 if address.startswith("/areas/46") else 400
        assert client.get(address).status_code == expected


def test_a_database_that_is_gone_gives_one_sentence(app: Flask, city: str) -> None:
    with open_query(city) as query:
        query("ALTER TABLE hourly RENAME TO elsewhere")
    with visiting(app, "viewer-46") as client:
        answer = client.get("/areas/46")
    assert answer.status_code == 503
    assert "The database does not answer now." in answer.text


def test_a_host_name_of_another_machine_is_refused(city: str) -> None:
    with make_app(city).test_client() as client:
        assert client.get("/sign-in", headers={"Host": "evil.example"}).status_code == 421
        assert client.get("/healthz").status_code == 200


def test_a_request_for_the_headers_alone_is_answered_like_the_page(app: Flask) -> None:
    with visiting(app) as client:
        assert client.head("/sign-in").status_code == 200
        assert client.head("/areas/46").location == "/sign-in"
    with visiting(app, "viewer-46") as client:
        assert client.head("/areas/46").status_code == 200
        assert client.head("/me").status_code == 200


def test_no_page_is_kept_by_a_cache(app: Flask) -> None:
    with visiting(app, "admin-46") as client:
        for address in PAGES:
            assert client.get(address).headers["Cache-Control"] in {"no-store", "no-cache, private"}


def test_times_are_those_of_the_city(app: Flask, now: datetime) -> None:
    local = now.astimezone(UTC) + timedelta(hours=7)
    assert f"As of {local:%H:}" in read(app, "/areas/46") or local.minute == 0


def test_the_page_of_a_device_names_its_lists_its_certificate_and_how_long_it_was_in_service(
    app: Flask, city: str, now: datetime
) -> None:
    assert "Not issued by this centre" in read(app, "/sites/dong-ba/devices/gate-1")
    with open_query(city) as query:
        query(
            "INSERT INTO device_certificate (serial, site, device, key_hash, origin, issued_at, expires_at, pem) "
            "VALUES ('1', 'dong-ba', 'gate-1', '', 'enrolled', ?, ?, '')",
            [now.isoformat(), (now + timedelta(days=41, hours=1)).isoformat()],
        )
        query(
            "INSERT INTO remote_device (device, session, hello_at, software_version, commands, lists, counter) "
            "VALUES ('dong-ba/gate-1', 's', ?, '1', '[]', ?, 0)",
            [now.isoformat(), json.dumps({"trust": 7, "deny": 3})],
        )
        query("INSERT INTO list_version VALUES ('deny', 4, '', 0, '', '')")
        for kind, subject, since_h, until_h in (
            ("silent-gate", "dong-ba/gate-1", 100, 64),
            ("silent-site", "dong-ba", 90, 28),
        ):
            query(
                "INSERT INTO alert (kind, subject, area, detail, since, until, acknowledged_by) VALUES (?, ?, 0, '', ?, ?, '')",
                [
                    kind,
                    subject,
                    *((now - timedelta(hours=h)).isoformat(timespec="milliseconds") for h in (since_h, until_h)),
                ],
            )
        query("UPDATE alert_check SET at = ?", [now.isoformat()])
    text = read(app, "/sites/dong-ba/devices/gate-1")
    assert "41 days left" in text
    assert "Trust list 7" in text
    assert "Denylist 3 a newer one is published" in text
    assert "In service, 30 days 90.0" in text, "72 of 720 hours, the overlap once"
