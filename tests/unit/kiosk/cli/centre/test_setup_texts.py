"""Names become logins, any name fits into the configuration, and the sheet has a text for every key in every language."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.cli.centre.setup import sheet
from kiosk.cli.centre.setup.answers import SetupAnswers
from kiosk.cli.centre.setup.config_text import centre_toml
from kiosk.cli.centre.setup.places import SetupPlaces
from kiosk.cli.centre.setup.sheet import KEY_CODES, KeyPlace, SheetFacts
from kiosk.system.translations import translator
from mqtt.centre.accounts.accounts import NAME_PATTERN

PLACES = SetupPlaces(Path("/"), Path("/media/keys"))


def answers(organisation: str = "Phường Vỹ Dạ", administrator: str = "Lê Văn Tám") -> SetupAnswers:
    return SetupAnswers(organisation, ("centre.hue.example",), "sqlite", administrator, PLACES.offline, "x" * 12)


@pytest.mark.parametrize(
    ("name", "login"),
    [("Lê Văn Tám", "le-van-tam"), ("Đỗ Thị Ánh", "do-thi-anh"), ("7", "admin-7"), ("陈", "admin"), ("Ý", "admin-y")],
)
def test_a_name_becomes_a_login_without_marks(name: str, login: str) -> None:
    assert answers(administrator=name).login == login


@given(st.text(min_size=1, max_size=100))
def test_every_name_gives_a_login_that_is_allowed(name: str) -> None:
    assert NAME_PATTERN.fullmatch(answers(administrator=name).login)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(st.characters(exclude_categories=["Cs"])))
def test_any_organisation_and_address_come_back_from_the_configuration(organisation: str, address: str) -> None:
    settings = tomllib.loads(centre_toml(answers(organisation), PLACES, address))
    assert settings["web"]["organisation"] == organisation
    assert settings["database"] == address


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Phường Vỹ Dạ", "ward"),
        ("Xã A Lưới", "commune"),
        ("Thành phố Huế", "city"),
        ("TP Huế", "city"),
        ("Huế", "ward"),
    ],
)
def test_the_first_word_says_the_kind_of_the_area(name: str, kind: str) -> None:
    assert answers(name).area_kind == kind


def test_the_sheet_has_every_text_in_every_language_and_escapes_names() -> None:
    facts = SheetFacts(
        "<b>&",
        "Lê Văn Tám",
        datetime(2026, 11, 28, tzinfo=UTC),
        "fe63 2c5b",
        "91FA",
        [KeyPlace(code, "/x") for code in KEY_CODES],
    )
    for text in (sheet.as_html(facts), sheet.as_text(facts)):
        assert "centre.key." not in text
        assert "centre.sheet." not in text
    assert "<b>" not in sheet.as_html(facts)
    for language in sheet.languages_of_sheet():
        t = translator(language)
        assert all(t.has(f"centre.key.{code}.{field}") for code in KEY_CODES for field in ("use", "holder", "restore"))
