"""The configuration for the administrator: what is in force, from where, what the file says since, and a check of a new file."""

import dataclasses
import html as html_words
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk import config
from kiosk.config import effective
from kiosk.config.conflicts import find_conflicts
from kiosk.config.effective import SETTINGS_FILE, EffectiveSetting
from kiosk.config.schema.sentences import setting_sentences
from kiosk.system.translations import languages, translator
from tests.fakes.data.status_snapshots import a_status, browsing, publish
from tests.fakes.parts.web_accounts import log_in, staff
from tests.unit.kiosk.config.test_conflicts import BASE, CONTRADICTIONS
from web_ui.auth.accounts import Role
from web_ui.i18n.text_sanitizer import MAX_TEXT_LENGTH
from web_ui.kiosk.pages.admin.configuration import MAX_MISTAKES

CONFIG = """\
[site]
site = "cho-dong-ba"
device = "cong-1"
[keys]
sealing_public_key = "centre.pem"
pseudonym_key = "pseudonym.key"
trust_list = "trust.list"
root_public_key = "/etc/root.pem"
[camera]
width = 640
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "kiosk.toml"
    found.write_text(CONFIG, encoding="utf-8")
    return found


@pytest.fixture
def client(tmp_path: Path, path: Path) -> Iterator[FlaskClient]:
    """An administrator's browser on a running kiosk that was started with that file."""
    effective.publish_effective_settings(config.load_settings(path), tmp_path)
    with browsing(tmp_path, state_dir=staff(tmp_path / "state"), config_path=path) as browser:
        browser.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
        log_in(browser, Role.ADMIN)  # slow by design, and the page judges the age of the status
        publish(tmp_path, a_status())
        yield browser


def shown(browser: FlaskClient, query: str = "") -> dict[str, tuple[str, str]]:
    """Value and source by name."""
    found = re.findall(
        r'<code class="address">([\w.]+)</code>(?: <span class="line quiet" lang="en">[^<]*</span>)?</td>'
        r"<td[^>]*><span>(.*?)</span></td><td[^>]*>(.*?)</td>",
        browser.get(f"/admin/configuration{query}").text,
        re.DOTALL,
    )
    return {
        name: (html_words.unescape(re.sub("<.*", "", value, flags=re.DOTALL)).strip(), source)
        for name, value, source in found
    }


def test_every_value_in_force_is_shown_with_its_source(client: FlaskClient, path: Path) -> None:
    found = shown(client)
    assert found["site.device"] == ("cong-1", "file")
    assert found["camera.width"] == ("640", "file")
    assert found["web.port"] == ("8080", "default")
    assert found["keys.sealing_public_key"] == (str(path.parent / "centre.pem"), "file")
    assert found["keys.root_public_key"] == ("/etc/root.pem", "file")
    assert found["storage.path"] == ("/var/lib/entrance-kiosk/events.db", "default")
    assert found["access.capacity"] == ("–", "default")
    assert set(found) == {setting.name for setting in effective.effective_settings(config.load_settings(path))}
    assert "runs with the settings of the file" in client.get("/admin/configuration").text


def test_a_file_that_was_changed_since_is_not_shown_as_in_force(client: FlaskClient, path: Path) -> None:
    path.write_text(CONFIG.replace("640", "1920"), encoding="utf-8")
    assert shown(client)["camera.width"] == ("640", "file")
    html = client.get("/admin/configuration").text
    assert "after a restart: 1920" in html
    assert "1 setting in the file has changed" in html


def test_a_file_that_was_broken_since_is_told_and_what_is_in_force_still_shown(client: FlaskClient, path: Path) -> None:
    path.write_text("[", encoding="utf-8")
    assert shown(client)["camera.width"] == ("640", "file")
    assert "is not TOML" in client.get("/admin/configuration").text


def test_what_the_command_line_said_is_told_as_such(tmp_path: Path, client: FlaskClient, path: Path) -> None:
    found = config.load_settings(path)
    found = found.model_copy(update={"camera": config.camera_with_source("webcam:1", found.camera)})
    effective.publish_effective_settings(found, tmp_path, ("camera.source",))
    assert shown(client)["camera.source"] == ("webcam:1", "command line")
    assert shown(client)["camera.width"] == ("640", "file")
    assert shown(client)["camera.height"] == ("720", "default")
    assert "runs with the settings of the file" in client.get("/admin/configuration").text


def test_without_a_running_kiosk_nothing_is_said_to_be_in_force(tmp_path: Path, client: FlaskClient) -> None:
    publish(tmp_path, dataclasses.replace(a_status(), now_at="2026-01-01T00:00:00+00:00"))
    assert "The kiosk is not running. These are the settings of the file." in client.get("/admin/configuration").text
    assert shown(client)["camera.width"] == ("640", "file")


def check(client: FlaskClient, text: str, language: str = "en") -> str:
    csrf = log_in(client, Role.ADMIN)
    return client.post(f"/admin/configuration?lang={language}", data={"csrf": csrf, "text": text}).text


def test_a_new_file_is_checked_and_what_it_would_change_is_told(client: FlaskClient) -> None:
    html = check(client, CONFIG.replace("640", "1920") + "[access]\ncapacity = 300\n")
    assert "The file is valid." in html
    changes = re.findall(r'<code>(\S+)</code>: <span class="was">(.*?)</span> → <b>(.*?)</b>', html)
    assert changes == [("camera.width", "640", "1920"), ("access.capacity", "–", "300")]
    assert "This file changes nothing." in check(client, CONFIG)


def test_every_mistake_of_a_new_file_is_told_with_what_was_perhaps_meant(client: FlaskClient) -> None:
    html = check(client, CONFIG.replace("width", "widht") + "[web]\nport = 99999\n")
    assert "did you mean &#39;width&#39;?" in html
    assert "web.port" in html
    assert "The file is valid." not in html


@pytest.mark.parametrize("code", CONTRADICTIONS)
@pytest.mark.parametrize("language", languages())
def test_each_contradiction_that_check_config_reports_is_a_notice_on_the_page(
    client: FlaskClient, code: str, language: str
) -> None:
    section, values = CONTRADICTIONS[code]
    tree = {name: dict(one) for name, one in BASE.items()}
    tree.setdefault(section, {}).update(values)
    if section == "visit":
        tree["gpio"] = {"undo_button": 6}
    if code == "denylist-without-passes":
        tree["keys"]["denylist"] = "g"
    text = "".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in one.items() if value is not None)
        for name, one in tree.items()
    )
    found = config.parse_settings(config.parse_toml(text.encode()), Path("x"))
    expected = [conflict for conflict in find_conflicts(found) if conflict.code == code]
    html = html_words.unescape(check(client, text, language))
    assert translator(language)("configuration.good") in html
    assert expected
    for conflict in expected:
        assert translator(language)(f"config.conflict.{code}", **conflict.values) in html


def test_a_file_without_contradictions_has_no_notices(client: FlaskClient) -> None:
    text = CONFIG + '[mqtt]\ncertificate = "a"\nkey = "b"\n'
    found = list(find_conflicts(config.parse_settings(config.parse_toml(text.encode()), Path("x"))))
    html = check(client, text)
    assert ('class="notices"' in html) is bool(found)
    assert found == []


def test_of_thousands_of_mistakes_some_are_shown_and_the_others_counted(client: FlaskClient) -> None:
    html = check(client, "".join(f"k{number} = 1\n" for number in range(4000)))
    assert html.count('<li class="address">') == MAX_MISTAKES
    assert f"{4002 - MAX_MISTAKES} more errors are not shown." in html


def test_no_file_that_a_new_configuration_names_is_opened(tmp_path: Path, client: FlaskClient) -> None:
    """A pipe would keep a reader waiting for ever."""
    os.mkfifo(tmp_path / "pipe")
    text = CONFIG.replace('"centre.pem"', json.dumps(str(tmp_path / "pipe")))
    assert "The file is valid" in check(client, text)


def test_hostile_files_and_values_show_as_text(tmp_path: Path, client: FlaskClient) -> None:
    hostile = "<script>alert(1)</script>\u202e\x07" + "A" * 65_536
    in_force_now = [EffectiveSetting("site.site", hostile, "file"), EffectiveSetting("<b>", "x", "default")]
    (tmp_path / SETTINGS_FILE).write_text(json.dumps(in_force_now), encoding="utf-8")
    html = check(client, "<script>\u202e = ")
    assert "<script>" not in html
    assert "\u202e" not in html
    assert "\x07" not in html
    assert "is not TOML" in html
    assert f"(+{len(hostile) - MAX_TEXT_LENGTH})" in html
    assert len(html) < 40_000


@given(raw=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_file_whatever_is_taken_for_settings_by_accident(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / SETTINGS_FILE).write_bytes(raw)
    found = effective.read_effective_settings(tmp_path)
    assert found is None or all(isinstance(setting, EffectiveSetting) for setting in found)


@pytest.mark.parametrize("raw", [b"{}", b"[1]", b'[["a", "b"]]', b'[["a", "b", 3]]', b"[" * 100_000, b"\xff", b""])
def test_what_is_not_a_list_of_settings_is_none(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / SETTINGS_FILE).write_bytes(raw)
    assert not effective.read_effective_settings(tmp_path)


def test_settings_are_withdrawn_at_a_clean_stop(tmp_path: Path, path: Path) -> None:
    effective.publish_effective_settings(config.load_settings(path), tmp_path)
    assert effective.read_effective_settings(tmp_path)
    effective.remove_effective_settings(tmp_path)
    effective.remove_effective_settings(tmp_path)
    assert effective.read_effective_settings(tmp_path) is None


def test_settings_are_found_by_name_value_and_meaning_and_changed_ones_alone(client: FlaskClient) -> None:
    assert "camera.flicker_hz" in shown(client, "?find=mains+FREQUENCY")
    assert set(shown(client, "?find=640&only=changed")) == {"camera.width"}
    assert set(shown(client, "?only=changed")) == {
        "site.site", "site.device", "keys.sealing_public_key", "keys.pseudonym_key", "keys.trust_list",
        "keys.root_public_key", "camera.width",
    }  # fmt: skip
    assert "No setting fits." in client.get("/admin/configuration?find=no+such+word").text


def test_every_setting_has_a_sentence() -> None:
    sentences = setting_sentences()
    assert [name for name, sentence in sentences.items() if not sentence] == []
    assert set(sentences) == {name for name, *_ in effective.effective_settings(config.parse_settings(BASE, Path("x")))}
