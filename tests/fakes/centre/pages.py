"""Test clients of the centre's pages, signed in as the accounts of the fake city."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from mqtt.centre.accounts.accounts import begin_session, csrf_token
from mqtt.centre.ingest.database import open_query
from tests.fakes.parts.compiled_templates import share_templates
from web_ui.centre.access import SESSION_COOKIE, centre_context
from web_ui.centre.app import create_app
from web_ui.centre.settings import CentreWebSettings


def make_app(database: str) -> Flask:
    """The pages of a city that exists. No thread runs."""
    app, _ = create_app(CentreWebSettings(database, case_keys=Path(f"{database}-case-keys")))
    return share_templates(app)


@contextmanager
def visiting(app: Flask, name: str = "") -> Iterator[FlaskClient]:
    """A client in English, with a session of that account. Without a name, a stranger."""
    client = (
        app.test_client()
    )  # not as a context, which would keep the last request of one client for the next of another
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    if name:
        with app.app_context(), open_query(centre_context().settings.database) as query:
            client.set_cookie(SESSION_COOKIE, begin_session(query, name, "127.0.0.1", datetime.now(UTC)))
    yield client


def csrf(client: FlaskClient) -> str:
    """What the forms of this client contain."""
    cookie = client.get_cookie(SESSION_COOKIE)
    assert cookie
    return csrf_token(cookie.value)
