"""What the pages refuse, and what every answer carries."""

from pathlib import Path

import pytest
from flask import Flask

from tests.fakes.data.status_snapshots import a_status, browsing, publish
from web_ui.server import security_headers


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/api/v1/status", "/static/style.css", "/nowhere", "/live/status/parts"]
)
def test_every_answer_forbids_inline_scripts_frames_and_guessing(tmp_path: Path, path: str) -> None:
    with browsing(tmp_path) as client:
        headers = client.get(path, buffered=True).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "kiosk@evil.example", "[::1].evil"]
)
def test_a_foreign_host_name_is_refused(tmp_path: Path, host: str) -> None:
    with browsing(tmp_path) as client:
        assert client.get("/", headers={"Host": host}).status_code in {400, 421}


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "127.0.0.1:1", "192.168.1.20:8080", "[::1]:8080", "cong-1.lan"]
)
def test_the_kiosks_own_names_and_addresses_are_answered(tmp_path: Path, host: str) -> None:
    with browsing(tmp_path, allowed_hosts=("Cong-1.lan",)) as client:
        assert client.get("/", headers={"Host": host}).status_code == 200


def test_a_new_name_of_the_machine_is_answered_without_a_restart() -> None:
    names = ["Cong-1"]
    app = Flask("names")
    app.add_url_rule("/", view_func=lambda: "here")
    security_headers.add_security_checks(app, (), lambda: names[-1])
    with app.test_client() as client:
        for name, code in (("cong-1", 200), ("cong-1.local", 200), ("cong-9", 421)):
            assert client.get("/", headers={"Host": name}).status_code == code
        names.append("cong-9.hue.example")
        for name, code in (("cong-9.hue.example", 200), ("cong-9.local:8080", 200), ("cong-1", 421)):
            assert client.get("/", headers={"Host": name}).status_code == code


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "//etc/passwd",
        "/static/",
        "/templates/frame.html",
    ],
)
def test_no_path_leads_out_of_the_static_folder(tmp_path: Path, path: str) -> None:
    with browsing(tmp_path) as client:
        answer = client.get(path)
    assert answer.status_code in {308, 404, 421}
    assert "create_app" not in answer.text


@pytest.mark.parametrize("path", ["/", "/healthz", "/live/status/parts", "/api/v1/status"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_pages_for_looking_take_no_orders(tmp_path: Path, path: str, method: str) -> None:
    with browsing(tmp_path) as client:
        assert client.open(path, method=method).status_code == 405


def test_an_error_is_a_sentence_in_the_readers_language(tmp_path: Path) -> None:
    with browsing(tmp_path) as client:
        assert "Không có trang này." in client.get("/nowhere").text
        assert "There is no such page." in client.get("/nowhere", headers={"Accept-Language": "en"}).text


def test_a_body_over_the_cap_is_not_read(tmp_path: Path) -> None:
    publish(tmp_path, a_status())
    with browsing(tmp_path) as client:
        app = client.application
        assert app.config["MAX_CONTENT_LENGTH"] == security_headers.MAX_BODY_BYTES


@pytest.mark.parametrize("host", ["evil.example", "a" * 300, "::::", "%00", "127.0.0.1%eth0.evil.example"])
def test_only_names_of_our_own_and_literal_addresses_are_own(host: str) -> None:
    assert not security_headers.is_allowed_host(host, security_headers.allowed_hosts((), "cong-1"))
