"""Changes of settings by the administrator: the form, the check, the trial and its end, as the browser sends them."""

import html
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk.app.control_socket import (
    CheckConfigurationCommand,
    KeepConfigurationCommand,
    RollBackConfigurationCommand,
    TryConfigurationCommand,
)
from kiosk.config import effective
from kiosk.config.overlay.changeable import changeable_settings
from kiosk.config.overlay.judgement import SETTLE_S
from tests.fakes.data.status_snapshots import a_status, browsing, publish
from tests.fakes.parts.configured_device import ConfiguredDevice
from tests.fakes.parts.control_server import FakeControlServer
from tests.fakes.parts.web_accounts import log_in, staff
from web_ui.auth.accounts import Role
from web_ui.kiosk.pages.admin.configuration_change import ChangeableRow, read_form

PATH = "/admin/configuration/change"


class Page:
    """An administrator's browser on a running kiosk."""

    def __init__(self, browser: FlaskClient, kiosk: FakeControlServer, device: ConfiguredDevice) -> None:
        self.browser, self.kiosk, self.device = browser, kiosk, device

    def get(self) -> str:
        return html.unescape(self.browser.get(PATH).get_data(as_text=True))

    def fields(self) -> dict[str, str]:
        """The form as the browser would send it without a change."""
        text = self.browser.get(PATH).get_data(as_text=True)
        found = {name: html.unescape(value) for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', text)}
        for name, options in re.findall(r'<select name="([^"]+)">(.*?)</select>', text):
            found[name] = re.findall(r"<option selected>([^<]*)</option>", options)[0]
        return found

    def post(self, path: str = PATH, **changed: str) -> tuple[int, str]:
        fields = self.fields() | {name.replace("__", "."): value for name, value in changed.items()}
        answer = self.browser.post(path, data=fields)
        return answer.status_code, html.unescape(answer.get_data(as_text=True))


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    device = ConfiguredDevice(tmp_path)
    device.live(3)
    assert device.settings is not None
    effective.publish_effective_settings(device.settings, tmp_path)
    with (
        FakeControlServer(tmp_path) as kiosk,
        browsing(
            tmp_path, state_dir=staff(tmp_path / "state"), config_path=device.path, database=tmp_path / "events.db"
        ) as browser,
    ):
        browser.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
        log_in(browser, Role.ADMIN)
        publish(tmp_path, a_status())
        yield Page(browser, kiosk, device)


def test_every_changeable_setting_has_its_field_and_its_sentence(page: Page) -> None:
    text, fields = page.get(), page.fields()
    assert {name.removeprefix("value:") for name in fields if name.startswith("value:")} == set(changeable_settings())
    assert "Maximum number of people inside." in text
    assert "keys.trust_list" not in text


def test_the_form_without_a_change_sends_nothing(page: Page) -> None:
    code, text = page.post(act="try")
    assert (code, page.kiosk.commands) == (400, [])
    assert "No value was changed." in text


def test_a_check_shows_what_would_change_and_keeps_what_was_typed(page: Page) -> None:
    page.kiosk.detail = {"errors": []}
    code, text = page.post(act="check", **{"value:camera__width": "640", "value:site__title": "1234"})
    assert page.kiosk.commands == [CheckConfigurationCommand({"site.title": "1234", "camera.width": 640})]
    assert (code, "These values are possible" in text, 'value="640"' in text) == (200, True, True)


def test_mistakes_are_shown_as_the_kiosk_says_them(page: Page) -> None:
    page.kiosk.detail = {"errors": ["camera.width: greater than or equal to 320; found <1>."]}
    assert "greater than or equal to 320; found <1>." in page.post(act="check", **{"value:camera__width": "1"})[1]
    page.kiosk.refuses, page.kiosk.refuses_with = "camera.width: no.\nsite.title: no.", "invalid"
    code, text = page.post(act="try", **{"value:camera__width": "1"})
    assert (code, "<li" in text, "site.title: no." in text) == (400, True, True)


def test_a_change_goes_on_trial_with_who_and_why_and_into_the_audit_log(page: Page, tmp_path: Path) -> None:
    code, text = page.post(act="try", reason="a smaller picture", **{"value:camera__width": "640"})
    assert page.kiosk.commands == [TryConfigurationCommand({"camera.width": 640}, "admin", (), "a smaller picture")]
    assert (code, "starts again with the new values" in text) == (200, True)
    audit = "".join(path.read_text() for path in (tmp_path / "state").glob("audit*"))
    assert "camera.width: 1280 -> 640" in audit


def test_what_is_on_trial_is_kept_or_taken_back_by_hand(page: Page) -> None:
    page.device.change({"camera.width": 640})
    text = page.get()
    assert "On trial" in text
    assert "value:camera.width" not in text
    for path, command in (("/keep", KeepConfigurationCommand()), ("/roll-back", RollBackConfigurationCommand())):
        token = {"csrf": re.findall(r'name="csrf" value="([^"]+)"', page.get())[0]}
        assert page.browser.post(PATH + path, data=token).status_code == 200
        assert page.kiosk.commands[-1] == command
    page.kiosk.refuses, page.kiosk.refuses_with = "Nothing is on trial.", "no-trial"
    answer = page.browser.post(PATH + "/keep", data=token)
    assert (answer.status_code, b"Nothing is on trial any more" in answer.data) == (409, True)


def test_a_local_value_is_taken_back_and_the_history_says_who_made_it(page: Page, tmp_path: Path) -> None:
    page.device.change({"camera.width": 640})
    page.device.live(SETTLE_S + 2)
    assert page.device.settings is not None
    effective.publish_effective_settings(page.device.settings, tmp_path, sources=page.device.running.sources)
    text = page.get()
    assert "this device: an" in text
    assert "file → <b>640</b>" in text
    page.post(act="try", **{"reset:camera__width": "on"})
    assert page.kiosk.commands[-1] == TryConfigurationCommand({}, "admin", ("camera.width",))


def test_without_a_running_kiosk_nothing_can_be_changed(page: Page, tmp_path: Path) -> None:
    effective.remove_effective_settings(tmp_path)
    assert "The kiosk is not running" in page.get()


def test_only_an_administrator_changes_settings_and_only_with_the_token_of_the_page(page: Page) -> None:
    assert page.browser.post(PATH, data={"act": "try", "value:camera.width": "640"}).status_code == 403
    page.browser.delete_cookie("session")
    fields = {"act": "try", "value:camera.width": "640"}
    for path in ("", "/keep", "/roll-back"):
        answer = FlaskClient(page.browser.application).post(PATH + path, data=fields)
        assert answer.status_code in {302, 303, 401, 403}
    assert page.kiosk.commands == []


ROWS = [ChangeableRow(name, "", "default", "", ()) for name in changeable_settings()]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from([f"value:{row.name}" for row in ROWS]) | st.text(max_size=9), st.text(max_size=20))
)
def test_any_form_gives_values_of_known_settings(given_form: Mapping[str, str]) -> None:
    found = read_form(ROWS, given_form)
    values: Mapping[str, Any] = found.values
    assert set(values) <= set(changeable_settings())
    assert found.removed == ()
