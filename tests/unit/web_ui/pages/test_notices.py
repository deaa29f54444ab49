"""Sheets to print: what the configuration knows is printed, and the rest is a line to write on."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.system.translations import languages
from tests.fakes.data.status_snapshots import browsing
from web_ui.command import web
from web_ui.kiosk.app import create_app
from web_ui.kiosk.pages.notices import NOTICES, notice_file
from web_ui.settings import PlaceNames, WebSettings

PLACE = PlaceNames("Chợ <Đông Ba>", "Cổng 1", "Ban quản lý chợ", "0234 3 999 999")


def sheet(settings: WebSettings, name: str, language: str = "vi") -> str:
    app, _ = create_app(settings)
    return notice_file(app, settings, name, language)


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("name", NOTICES)
def test_each_sheet_has_the_names_of_the_place_and_its_style_inside(tmp_path: Path, name: str, language: str) -> None:
    html = sheet(WebSettings(tmp_path, place=PLACE), name, language)
    assert "Chợ &lt;Đông Ba&gt;" in html
    assert "0234 3 999 999" in html
    assert "@page" in html
    assert f'lang="{language}"' in html


def test_what_is_not_known_is_a_line_to_write_on_and_no_claim(tmp_path: Path) -> None:
    html = sheet(WebSettings(tmp_path), "privacy", "en")
    assert html.count('class="blank') > 15
    assert not re.search(r"older than\s*<b>", html)
    assert "encrypted connection" not in html


def test_retention_and_encryption_are_those_of_the_configuration(tmp_path: Path) -> None:
    settings = replace(WebSettings(tmp_path), retention_days=30, encrypted_delivery=True)
    html = sheet(settings, "privacy", "en")
    assert "older than <b>30</b> days" in html
    assert "encrypted connection" in html


def test_opening_hours_have_the_days_in_words(tmp_path: Path) -> None:
    html = sheet(WebSettings(tmp_path, opening_hours=("mon-fri 07:30-17:00", "sat 08:00-12:00")), "why")
    assert "07:30-17:00 (Thứ Hai – Thứ Sáu), 08:00-12:00 (Thứ Bảy)" in html


def test_the_sheet_of_refusals_never_contains_a_permission(tmp_path: Path) -> None:
    body = sheet(WebSettings(tmp_path), "why").split("<table>")[1]
    assert "được qua" not in body


@pytest.mark.parametrize("name", NOTICES)
def test_the_pages_serve_the_sheets_with_their_style_apart(tmp_path: Path, name: str) -> None:
    with browsing(tmp_path) as client:
        response = client.get(f"/notices/{name}?lang=en")
        assert response.status_code == 200
        assert "notice.css" in response.text
        assert "<style" not in response.text
        assert client.get("/notices/other").status_code == 404


def test_the_command_writes_a_file_for_the_printer(tmp_path: Path) -> None:
    out = tmp_path / "why.html"
    result = CliRunner().invoke(
        web, ["--run-dir", str(tmp_path), "notice", "why", "--language", "en", "--out", str(out)]
    )
    assert result.exit_code == 0, result.output
    assert "Why was I not let through?" in out.read_text(encoding="utf-8")
