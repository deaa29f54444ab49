"""The page of a device's settings at the centre: the nearest value with its place, changes with audit and history, and results."""

import html

import pytest
from flask import Flask

from mqtt.centre.accounts.audit import read_audit
from mqtt.centre.configuration.sending import read_reports, save_report
from mqtt.centre.configuration.store import read_values
from mqtt.centre.ingest.database import open_query
from mqtt.remote.configuration import ConfigurationReport, TrialState, values_sha256
from tests.fakes.centre.pages import csrf, visiting
from web_ui.centre.data.calendar import utc_now

PAGE = "/sites/dong-ba/devices/gate-1/configuration"
WHO = "operator-46"


def change(app: Flask, who: str = WHO, page: str = PAGE, **fields: str) -> int:
    with visiting(app, who) as client:
        form = {"csrf": csrf(client), "scope": "device", "why": "the market is small", "set": "1", **fields}
        return client.post(page, data=form).status_code


def shown(app: Flask) -> str:
    with visiting(app, WHO) as client:
        return html.unescape(client.get(PAGE, headers={"Accept-Language": "en"}).text)


def stored(city: str) -> dict[tuple[str, str], object]:
    with open_query(city) as query:
        return {(one.scope, one.name): one.value for one in read_values(query)}


def test_the_nearest_value_is_shown_with_its_place_and_the_history_says_who_set_it(app: Flask, city: str) -> None:
    assert change(app, name="access.capacity", value="40", scope="site") == 302
    assert "Chợ Đông Ba" in shown(app).split("<tbody>")[1]
    assert change(app, name="access.capacity", value="50") == 302
    text = shown(app)
    assert '<td data-name="Value">50' in text.replace("'", '"')
    assert "40" in text.split("Changes so far")[1]
    with open_query(city) as query:
        entry = read_audit(query, limit=1)[0].entry
    assert (entry.who, entry.what, entry.why) == (WHO, "change-configuration", "the market is small")
    assert entry.area > 0
    assert change(app, name="access.capacity", value="", unset="1") == 302
    assert stored(city) == {("site dong-ba", "access.capacity"): 40}


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [("access.capacity", "0", "x"), ("access.capacity", "many", "x"), ("access.capacity", "5", "")],
)
def test_an_impossible_change_is_not_taken_and_the_page_says_so(
    app: Flask, city: str, name: str, value: str, why: str
) -> None:
    assert change(app, name=name, value=value, why=why) == 400
    assert stored(city) == {}


@pytest.mark.parametrize("name", ["keys.trust_list", "web.port", "", "access"])
def test_only_changeable_settings_of_the_device_or_its_site_are_set(app: Flask, city: str, name: str) -> None:
    assert change(app, name=name, value="5") == 400
    assert change(app, name="access.capacity", value="5", scope="city") == 400
    assert stored(city) == {}


@pytest.mark.parametrize("who", ["viewer-46", "operator-19777"])
def test_only_an_operator_of_the_area_sees_and_changes_settings(app: Flask, city: str, who: str) -> None:
    assert change(app, who, name="access.capacity", value="5") in {403, 404}
    assert stored(city) == {}


def test_what_failed_is_said_in_words_and_can_be_tried_again(app: Flask, city: str) -> None:
    change(app, name="access.capacity", value="5")
    wanted = values_sha256({"access.capacity": 5})
    report = ConfigurationReport(
        sha256=values_sha256({}),
        tried_sha256=wanted,
        state=TrialState.ROLLED_BACK,
        code="health",
        detail="camera",
        local={"camera.width": 640},
    )
    with open_query(city) as query:
        save_report(query, "dong-ba/gate-1", report, utc_now())
    text = shown(app)
    assert "something is out of order that worked before (camera)" in text
    assert "camera.width" in text
    with visiting(app, WHO) as client:
        assert client.post(f"{PAGE}/try-again", data={"csrf": csrf(client)}).status_code == 302
    with open_query(city) as query:
        assert read_reports(query, "dong-ba/gate-1")[0].again_sha256 == wanted
