"""Alerts and reports reach real receivers, a mail server and a web server; what was not delivered is sent again."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.cli.centre.command import centre
from kiosk.core.model import CodeKind
from kiosk.credentials.trust.trust_list import TrustedKey, make_trust_list, sign_trust_list
from mqtt.centre.accounts.audit import CentreAuditEntry
from mqtt.centre.enrolment.invitations import InvitationState, create_invitation
from mqtt.centre.ingest.database import open_query
from mqtt.centre.remote.lists import NewList, publish_list
from tests.fakes.centre.city import HourCount, add_hours, make_city
from tests.fakes.centre.message_servers import HttpServer, SmtpServer, running
from web_ui.centre.data.alert_facts import trust_list_end
from web_ui.centre.data.calendar import local_day
from web_ui.centre.data.fleet import FleetReader
from web_ui.centre.notify.receivers import ReceiversError, parse_receivers
from web_ui.centre.notify.reports import send_due_reports
from web_ui.centre.notify.sender import AppriseSender

# Apprise tries an import that Python 3.13 no longer has, and goes on without it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


ENTRY = CentreAuditEntry("cli:an", "publish-list")


@pytest.fixture
def city(tmp_path: Path) -> str:
    database = str(tmp_path / "city.db")
    make_city(database, datetime.now(UTC))
    return database


def mail_url(port: int, to: str) -> str:
    return f"mailto://127.0.0.1:{port}/?from=centre@hue.example&to={to}"


def write_receivers(folder: Path, *receivers: tuple[str, str, str]) -> str:
    """Area, url and language of each."""
    path = folder / "receivers.toml"
    tables = [
        f'[[receiver]]\narea = "{area}"\nurl = "{url}"\nlanguage = "{language}"\n' for area, url, language in receivers
    ]
    path.write_text("\n".join(tables), encoding="utf-8")
    return str(path)


def run(city: str, command: str, receivers: str, *arguments: str) -> Result:
    return CliRunner().invoke(centre, ["--database", city, command, "--receivers", receivers, *arguments])


def test_each_receiver_gets_one_mail_about_its_own_area_in_its_language(city: str, tmp_path: Path) -> None:
    with running(server := SmtpServer()) as port:
        receivers = write_receivers(
            tmp_path,
            ("46", mail_url(port, "city@hue.example"), "en"),
            ("19777", mail_url(port, "vy-da@hue.example"), "vi"),
            ("19753", mail_url(port, "phu-xuan@hue.example"), "vi"),
        )
        for _ in range(3):
            result = run(city, "alerts", receivers, "--once")
            assert result.exit_code == 0, result.output
    by_recipient = {recipients[0]: (subject, text) for recipients, subject, text in server.mails}
    assert len(server.mails) == len(by_recipient) == 2
    assert "1 new alert" in by_recipient["city@hue.example"][0]
    assert "Site does not answer: UBND phường Vỹ Dạ · Vy Da Ward" in by_recipient["city@hue.example"][1]
    assert "Địa điểm không phản hồi: UBND phường Vỹ Dạ" in by_recipient["vy-da@hue.example"][1]


def test_an_alert_that_no_server_took_is_sent_again(city: str, tmp_path: Path) -> None:
    with running(server := SmtpServer()) as port:
        receivers = write_receivers(tmp_path, ("46", mail_url(port, "city@hue.example"), "en"))
        server.refuse = True
        run(city, "alerts", receivers, "--once")
        assert server.mails == []
        server.refuse = False
        run(city, "alerts", receivers, "--once")
        assert len(server.mails) == 1


def test_a_webhook_gets_the_alert_as_json(city: str, tmp_path: Path) -> None:
    with running(server := HttpServer()) as port:
        run(city, "alerts", write_receivers(tmp_path, ("46", f"json://127.0.0.1:{port}/hook", "vi")), "--once")
    assert len(server.documents) == 1
    assert "UBND phường Vỹ Dạ" in server.documents[0]["message"]


def test_the_report_of_a_ward_has_its_figures(city: str, tmp_path: Path) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with open_query(city) as query:
        add_hours(query, [HourCount("dong-ba/gate-1", hour - timedelta(hours=ago), 2) for ago in range(1, 150)])
    with running(server := SmtpServer()) as port:
        receivers = write_receivers(tmp_path, ("19753", mail_url(port, "phu-xuan@hue.example"), "en"))
        assert run(city, "report", receivers, "--days", "7").exit_code == 0
    ((_, subject, text),) = server.mails
    today = local_day(datetime.now(UTC))
    assert f"Phu Xuan Ward: report of {today - timedelta(days=7)} – {today - timedelta(days=1)}" in subject
    assert "2 sites" in text
    assert "UBND phường Phú Xuân: Never scanned" in text


def test_a_receiver_gets_the_report_of_each_day_and_week_once_also_after_a_restart(city: str, tmp_path: Path) -> None:
    monday = datetime(2026, 11, 30, 0, 0, tzinfo=UTC)  # 7 o'clock in the city
    with running(server := SmtpServer()) as port:
        table = f'[[receiver]]\narea = "19753"\nurl = "{mail_url(port, "a@hue.example")}"\nlanguage = "en"\n'
        receivers = parse_receivers(f'{table}reports = ["daily", "weekly"]\n'.encode())

        def send(now: datetime) -> list[str]:
            already = len(server.mails)
            send_due_reports(city, FleetReader(city, lambda: now), receivers, AppriseSender(), now)
            return [subject.partition("report of ")[2] for _, subject, _ in server.mails[already:]]

        assert send(monday - timedelta(days=3)) == [], "those of a new receiver begin with the next day"
        assert send(monday - timedelta(days=2, seconds=1)) == [], "before 7 o'clock"
        assert send(monday - timedelta(days=2)) == ["2026-11-27"]
        assert send(monday - timedelta(days=2) + timedelta(hours=3)) == []
        assert send(monday) == ["2026-11-29", "2026-11-23 – 2026-11-29"]
        assert send(monday + timedelta(hours=16)) == []
        server.refuse = True
        assert send(monday + timedelta(days=8)) == []
        server.refuse = False
        assert send(monday + timedelta(days=8, minutes=14)) == [], (
            "a server that takes nothing is left alone for a while"
        )
        assert send(monday + timedelta(days=8, minutes=15)) == ["2026-12-07", "2026-11-30 – 2026-12-06"]
        assert send(monday + timedelta(days=9)) == ["2026-12-08"]


def test_a_report_that_was_not_delivered_ends_with_status_1_and_names_no_password(city: str, tmp_path: Path) -> None:
    url = "mailto://user:geheim-123@127.0.0.1:1/?from=a@hue.example&to=b@hue.example&smtp=127.0.0.1&mode=insecure"
    result = run(city, "report", write_receivers(tmp_path, ("46", url, "vi")))
    assert result.exit_code == 1
    assert "1 of 1 reports were not delivered" in result.output
    assert "geheim" not in result.output


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("x", ""),
        ("[receiver]\narea='46'", "write [[receiver]]"),
        ("[[receiver]]\nurl='nothing'", "area is missing"),
        ("[[receiver]]\narea='46'\nurl='nothing'", "url is missing"),
        ("[[receiver]]\narea='46'\nurl='json://a'\nlanguage='xx'", "language must be one of"),
        ("[[receiver]]\narea=46\nurl='json://a'\ncolour='red'", "colour is not known"),
        ("other = 1", "is not known"),
        ("[[receiver]]\narea='46'\nurl='json://a'\nreports='daily'", "reports must be a list"),
        ("[[receiver]]\narea='46'\nurl='json://a'\nreports=['hourly']", "reports must be a list of daily, weekly"),
    ],
)
def test_each_mistake_in_the_file_of_receivers_is_named(text: str, mistake: str) -> None:
    with pytest.raises(ReceiversError) as caught:
        parse_receivers(text.encode())
    assert mistake in str(caught.value)


def test_what_devices_and_lists_need_is_said_in_words(city: str, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    disk = {"code": "disk", "status": "warn", "reason": "low", "value": 120.0, "unit": "MB"}
    old_list = {"code": "denylist", "status": "warn", "reason": "old", "value": 40.0 * 86400, "unit": "s"}
    with open_query(city) as query:
        query("UPDATE device SET findings = ? WHERE site = 'dong-ba' AND device = 'gate-1'", [json.dumps([disk])])
        query("UPDATE device SET findings = ? WHERE site = 'dong-ba' AND device = 'gate-2'", [json.dumps([old_list])])
        invitation, _ = create_invitation(query, "phu-xuan", "gate-2", "an", now)
        query(
            "UPDATE enrolment SET state = ?, requested_at = ?, public_key = '' WHERE number = ?",
            [InvitationState.WAITING.value, now.isoformat(), invitation.number],
        )
        publish_list(query, NewList("trust", 1, trust_list_until(now + timedelta(days=9, hours=1))), ENTRY, now)
    with running(server := SmtpServer()) as port:
        receivers = write_receivers(tmp_path, ("46", mail_url(port, "city@hue.example"), "en"))
        assert run(city, "alerts", receivers, "--once").exit_code == 0
        with open_query(city) as query:  # a request is notified after two minutes
            query("UPDATE alert SET since = ?", [(now - timedelta(minutes=3)).isoformat(timespec="milliseconds")])
        assert run(city, "alerts", receivers, "--once").exit_code == 0
    text = "\n".join(text for _, _, text in server.mails)
    assert "Memory card is nearly full: Chợ Đông Ba · Cổng 1 · Phu Xuan Ward · 120 MB left" in text
    assert "List is old or cannot be used: Chợ Đông Ba · Cổng 2 · Phu Xuan Ward · 40 days old" in text
    assert "The trust list ends: The whole city · 9 days left" in text
    assert "A kiosk waits for approval: " in text


def trust_list_until(end: datetime) -> bytes:
    """A signed list whose last key ends then."""
    root = Ed25519PrivateKey.generate()
    keys = [
        TrustedKey(b"aaaa", CodeKind.ENTRY_PASS, root.public_key(), datetime(2026, 1, 1, tzinfo=UTC), at)
        for at in (end - timedelta(days=400), end)
    ]
    return sign_trust_list(root, make_trust_list(keys, number=1, issued_at=datetime.now(UTC)))


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"\xd2\x84\x40\xa0\x41\x01\x40", b"\xd2\x84\x40\xa0\x45\xa1\x05\x81\x01\x02\x40"]
)
def test_a_list_of_another_form_ends_never(content: bytes) -> None:
    assert trust_list_end(content) is None


def test_a_centre_without_receivers_keeps_its_alerts_for_the_page(city: str) -> None:
    assert CliRunner().invoke(centre, ["--database", city, "alerts", "--once"]).exit_code == 0
    with open_query(city) as query:
        assert [row["subject"] for row in query("SELECT subject FROM alert")] == ["vy-da"]
