"""Sign-in by a real provider: the account with this identity and no other, from the browser that began, with its second factor."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient

from kiosk.cli.centre.command import centre
from kiosk.core.ports import KioskError
from mqtt.centre.accounts import second_factor
from mqtt.centre.accounts.accounts import AccountChangeError, close_account
from mqtt.centre.accounts.audit import read_audit
from mqtt.centre.accounts.identities import read_identity, set_identity
from mqtt.centre.ingest.database import open_query
from tests.fakes.centre.pages import csrf, visiting
from tests.fakes.processes.oidc_provider import parameter, refuse_at, running_provider, sign_in_at
from web_ui.centre.app import create_app
from web_ui.centre.oidc.pages import ATTEMPT_COOKIE
from web_ui.centre.oidc.settings import OidcSettings, SignInAttempt, is_secure_address
from web_ui.centre.settings import CentreWebSettings

USERS = (
    {"sub": "verified", "email": "binh@hue.example", "email_verified": True},
    {"sub": "unverified", "email": "an@hue.example", "email_verified": False},
)


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    options = [option for user in USERS for option in ("--user-claims", json.dumps(user))]
    with running_provider(*options) as address:
        yield address


@pytest.fixture
def provider_app(city: str, issuer: str) -> Flask:
    return make_app(city, issuer)


def make_app(city: str, issuer: str, claim: str = "sub") -> Flask:
    return create_app(CentreWebSettings(city, oidc=OidcSettings(issuer, "centre", "a secret", claim, "Cổng SSO")))[0]


def link(city: str, name: str, identity: str) -> None:
    with open_query(city) as query:
        set_identity(query, name, identity)


def come_back(client: FlaskClient, subject: str) -> str:
    """The address that the provider sends the browser to."""
    return sign_in_at(str(client.get("/sign-in/provider").location), subject)


def test_a_person_signs_in_at_the_provider_and_gets_their_own_account(provider_app: Flask, city: str) -> None:
    link(city, "viewer-19753", "officer-7")
    with visiting(provider_app) as client:
        assert "Sign in with Cổng SSO" in client.get("/sign-in").text
        answer = client.get(come_back(client, "officer-7"))
        assert answer.status_code == 200
        assert 'content="0; url=/"' in answer.text
        cookies = answer.headers.getlist("Set-Cookie")
        assert any("centre-session=" in one and "SameSite=Strict" in one for one in cookies)
        assert client.get("/areas/19753").status_code == 200
        assert client.get("/areas/19777").status_code == 404
    with open_query(city) as query:
        (row,) = read_audit(query, limit=1)
    assert (row.entry.who, row.entry.what, row.entry.about) == ("viewer-19753", "sign-in", "provider")


@pytest.mark.parametrize("identity", ["stranger", "Officer-7", "officer-7 ", "viewer-19753"])
def test_a_person_without_an_account_is_refused_and_named_in_the_audit(
    provider_app: Flask, city: str, identity: str
) -> None:
    link(city, "viewer-19753", "officer-7")
    with visiting(provider_app) as client:
        answer = client.get(come_back(client, identity))
        assert answer.status_code == 403
        assert "No account of the centre belongs to you" in answer.text
        assert client.get("/me").status_code == 302
    with open_query(city) as query:
        (row,) = read_audit(query, limit=1)
    assert (row.entry.what, row.entry.about) == (
        "sign-in-refused",
        f"provider unknown at the centre: {identity}".strip(),
    )


def test_a_closed_account_stays_closed(provider_app: Flask, city: str, now: datetime) -> None:
    link(city, "viewer-19753", "officer-7")
    with open_query(city) as query:
        close_account(query, "viewer-19753", now.date() - timedelta(days=1))
    with visiting(provider_app) as client:
        assert client.get(come_back(client, "officer-7")).status_code == 403


def test_an_answer_counts_once_and_in_the_browser_that_began(provider_app: Flask, city: str) -> None:
    link(city, "viewer-19753", "officer-7")
    with visiting(provider_app) as client, visiting(provider_app) as other:
        address = come_back(client, "officer-7")
        cookie = client.get_cookie(ATTEMPT_COOKIE, path="/sign-in")
        assert cookie
        assert other.get(address).status_code == 403
        other.get("/sign-in/provider")
        assert other.get(address).status_code == 403
        assert client.get(address).status_code == 200
        assert client.get(address).status_code == 403, "the cookie is gone"
        other.set_cookie(ATTEMPT_COOKIE, cookie.value, path="/sign-in")
        assert other.get(address).status_code == 403, "the provider gives a token once"
        assert other.get("/me").status_code == 302


def test_a_person_who_refuses_there_is_not_signed_in(provider_app: Flask) -> None:
    with visiting(provider_app) as client:
        assert client.get(refuse_at(str(client.get("/sign-in/provider").location))).status_code == 403


def test_an_account_with_a_second_factor_needs_its_code_too(provider_app: Flask, city: str, now: datetime) -> None:
    link(city, "viewer-46", "officer-9")
    earlier = now - timedelta(minutes=10)
    with open_query(city) as query:
        totp = pyotp.TOTP(second_factor.begin_second_factor(query, "viewer-46"))
        assert second_factor.confirm_second_factor(query, "viewer-46", totp.at(earlier), earlier)
    with visiting(provider_app) as client:
        assert 'url=/sign-in/code"' in client.get(come_back(client, "officer-9")).text
        assert client.get("/me").status_code == 302
        assert client.post("/sign-in/code", data={"code": totp.now()}).location == "/"
        assert client.get("/me").status_code == 200


@pytest.mark.parametrize(("subject", "status"), [("verified", 200), ("unverified", 403), ("without-mail", 403)])
def test_a_mail_address_counts_if_the_provider_verified_it(city: str, issuer: str, subject: str, status: int) -> None:
    link(city, "viewer-46", "binh@hue.example")
    link(city, "viewer-19753", "an@hue.example")
    with visiting(make_app(city, issuer, claim="email")) as client:
        assert client.get(come_back(client, subject)).status_code == status


def test_a_provider_that_does_not_answer_leaves_the_passwords(city: str) -> None:
    with visiting(make_app(city, "http://localhost:1")) as client:
        answer = client.get("/sign-in/provider")
        assert answer.status_code == 503
        assert "Sign in with your password" in answer.text
        assert 'name="password"' in answer.text


def test_without_a_provider_in_the_settings_there_are_no_such_pages(app: Flask) -> None:
    with visiting(app) as client:
        assert "/sign-in/provider" not in client.get("/sign-in").text
        assert client.get("/sign-in/provider").status_code == 404
        assert client.get("/sign-in/provider/back").status_code == 404


def test_each_attempt_has_new_secrets_and_a_challenge_of_its_own(provider_app: Flask) -> None:
    with visiting(provider_app) as client:
        addresses = [str(client.get("/sign-in/provider").location) for _ in range(2)]
    for name in ("state", "nonce", "code_challenge"):
        assert len({parameter(address, name) for address in addresses}) == 2
    assert {parameter(address, "code_challenge_method") for address in addresses} == {"S256"}


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "x" * 200, f"{'a' * 43}.{'a' * 43}.{'a' * 63}"])
def test_what_is_no_attempt_is_none(text: str) -> None:
    assert SignInAttempt.parse(text) is None
    attempt = SignInAttempt.new()
    assert SignInAttempt.parse(str(attempt)) == attempt


def test_an_identity_belongs_to_one_account(city: str) -> None:
    link(city, "viewer-46", "officer-7")
    with open_query(city) as query, pytest.raises(AccountChangeError):
        set_identity(query, "viewer-19753", "officer-7")
    link(city, "viewer-46", "")
    link(city, "viewer-19753", "officer-7")
    with open_query(city) as query:
        assert (read_identity(query, "viewer-46"), read_identity(query, "viewer-19753")) == ("", "officer-7")


def test_an_administrator_sets_the_identities_of_others(provider_app: Flask, city: str) -> None:
    with visiting(provider_app, "admin-19753") as client:
        form = {"csrf": csrf(client), "identity": "officer-7"}
        assert client.post("/accounts/viewer-19753/identity", data=form).status_code == 302
        assert "officer-7" in client.get("/accounts/viewer-19753").text
        assert client.post("/accounts/admin-19753/identity", data=form).status_code == 400
        assert client.post("/accounts/viewer-19777/identity", data=form).status_code == 404


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://sso.example", True), ("http://localhost:8080/realms/x", True), ("http://sso.example", False),
        ("http://127.0.0.1.example", False), ("ftp://localhost", False), ("https://", False), ("//x", False), (None, False),
        ("https://[", False),
    ],
)  # fmt: skip
def test_a_provider_needs_tls_but_on_this_machine(address: object, expected: bool) -> None:
    assert is_secure_address(address) is expected


@pytest.mark.parametrize("options", [["--oidc-issuer", "http://sso.example"], ["--oidc-issuer", "https://sso.example"]])
def test_half_a_provider_is_refused_at_the_start(city: str, tmp_path: Path, options: list[str]) -> None:
    secret = tmp_path / "secret"
    secret.write_text("" if len(options) > 2 else "s")
    given = [*options, "--oidc-client-id", "centre"]
    if "http://" in options[1]:
        given += ["--oidc-client-secret-file", str(secret)]
    result = CliRunner().invoke(centre, ["--database", city, "web", *given])
    assert isinstance(result.exception, KioskError)
