"""The second factor: set up with a code, asked for after the password, each code once, removed by person or administrator."""

import re
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient

from mqtt.centre.accounts import second_factor
from mqtt.centre.accounts.audit import read_audit
from mqtt.centre.ingest.database import open_query
from tests.fakes.centre.city import PASSWORD
from tests.fakes.centre.pages import csrf, visiting

NAME = "viewer-46"


def switch_on(city: str, now: datetime) -> pyotp.TOTP:
    """The app of a person whose second factor is on. The code of ten minutes ago is used up."""
    with open_query(city) as query:
        app = pyotp.TOTP(second_factor.begin_second_factor(query, NAME))
        earlier = now - timedelta(minutes=10)
        assert second_factor.confirm_second_factor(query, NAME, app.at(earlier), earlier)
    return app


def give_password(client: FlaskClient, password: str = PASSWORD) -> str | None:
    return client.post("/sign-in", data={"name": NAME, "password": password}).location


def is_signed_in(client: FlaskClient) -> bool:
    return client.get("/me").status_code == 200


def test_a_person_sets_it_up_with_their_password_and_a_code(app: Flask, city: str) -> None:
    with visiting(app, NAME) as client:
        form = {"csrf": csrf(client)}
        assert client.post("/me/second-factor", data=form | {"act": "begin", "present": "wrong"}).status_code == 403
        client.post("/me/second-factor", data=form | {"act": "begin", "present": PASSWORD})
        page = client.get("/me/second-factor").text
        secret = re.search(r"<code>([A-Z2-7 ]+)</code>", page)
        assert secret
        assert "<svg" in page
        with open_query(city) as query:
            assert not second_factor.has_second_factor(query, NAME)
        wrong = client.post("/me/second-factor", data=form | {"act": "confirm", "code": "0"})
        assert wrong.status_code == 400
        code = pyotp.TOTP(secret[1].replace(" ", "")).now()
        assert client.post("/me/second-factor", data=form | {"act": "confirm", "code": code}).status_code == 302
        assert secret[1] not in client.get("/me/second-factor").text
        again = client.post("/me/second-factor", data=form | {"act": "begin", "present": PASSWORD})
        assert again.status_code == 400
    with open_query(city) as query:
        acts = [row.entry.what for row in read_audit(query, limit=3)]
    assert acts == ["confirm-second-factor", "begin-second-factor"]


def test_the_password_alone_opens_nothing_and_the_code_signs_in(app: Flask, city: str, now: datetime) -> None:
    totp = switch_on(city, now)
    with visiting(app) as client:
        assert give_password(client) == "/sign-in/code"
        assert not is_signed_in(client)
        code = totp.now()
        assert client.post("/sign-in/code", data={"code": f"{code[:3]} {code[3:]}"}).location == "/"
        assert is_signed_in(client)
    with visiting(app) as client:
        give_password(client)
        assert client.post("/sign-in/code", data={"code": code}).status_code == 403, "each code once"
        assert not is_signed_in(client)


def test_a_wrong_password_says_nothing_of_the_second_factor(app: Flask, city: str, now: datetime) -> None:
    switch_on(city, now)
    with visiting(app) as client:
        assert give_password(client, "not this one") is None
        assert client.get("/sign-in/code").location == "/sign-in"


@pytest.mark.parametrize("code", ["", "12345", "1234567", "١٢٣٤٥٦", "abcdef", "000000000000", "-12345"])
def test_what_is_no_code_is_refused(app: Flask, city: str, now: datetime, code: str) -> None:
    switch_on(city, now)
    with visiting(app) as client:
        give_password(client)
        assert client.post("/sign-in/code", data={"code": code}).status_code == 403
        assert not is_signed_in(client)


def test_a_password_allows_five_codes(city: str, now: datetime) -> None:
    switch_on(city, now)
    with open_query(city) as query:
        token = second_factor.begin_waiting(query, NAME, now)
        for left in range(second_factor.MAX_ATTEMPTS, 0, -1):
            found = second_factor.find_waiting(query, token, now)
            assert found
            assert found.attempts_left == left
            second_factor.count_attempt(query, token)
        assert second_factor.find_waiting(query, token, now) is None


def test_a_password_waits_five_minutes_for_its_code(city: str, now: datetime) -> None:
    with open_query(city) as query:
        token = second_factor.begin_waiting(query, NAME, now)
        assert second_factor.find_waiting(query, token, now + timedelta(minutes=4, seconds=59))
        assert second_factor.find_waiting(query, token, now + timedelta(minutes=5, seconds=1)) is None
        assert second_factor.find_waiting(query, "another token", now) is None


def test_a_telephone_half_a_minute_off_is_accepted_and_a_minute_and_a_half_is_not(city: str) -> None:
    now = datetime(2026, 11, 28, 3, 0, 15, tzinfo=UTC)
    for shift_s, accepted in ((-30, True), (30, True), (-90, False), (90, False)):
        with open_query(city) as query:
            second_factor.remove_second_factor(query, NAME)
            totp = pyotp.TOTP(second_factor.begin_second_factor(query, NAME))
            assert second_factor.check_code(query, NAME, totp.at(now + timedelta(seconds=shift_s)), now) is accepted


def test_an_administrator_removes_that_of_a_person_who_lost_their_telephone(
    app: Flask, city: str, now: datetime
) -> None:
    switch_on(city, now)
    with visiting(app, "admin-46") as client:
        assert "Remove the second factor" in client.get(f"/accounts/{NAME}").text
        client.post(f"/accounts/{NAME}/remove-second-factor", data={"csrf": csrf(client)})
        assert "Remove the second factor" not in client.get(f"/accounts/{NAME}").text
    with visiting(app) as client:
        assert give_password(client) == "/"


def test_the_form_of_another_site_is_refused(app: Flask, city: str, now: datetime) -> None:
    totp = switch_on(city, now)
    with visiting(app) as client:
        give_password(client)
        answer = client.post("/sign-in/code", data={"code": totp.now()}, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403
        assert not is_signed_in(client)
