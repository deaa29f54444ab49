"""The device page: network as the kernel shows it, a restart by command, and a configuration without secrets to take away."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from kiosk.app.control_socket import RestartCommand
from kiosk.app.requests.restart_request import DELAY_S, RestartRequest
from kiosk.system.translations import languages, translator
from tests.fakes.data.status_snapshots import a_status, browsing, publish
from tests.fakes.parts.control_server import FakeControlServer
from tests.fakes.parts.web_accounts import PASSWORD, PIN, audit, log_in, staff
from web_ui.auth.accounts import Role
from web_ui.kiosk.data.network_state import Interface, read_network_state

WIRELESS = """\
Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
 wlan0: 0000   49.  -61.  -256        0      0      0      0      0        0
"""


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    path = tmp_path / "kiosk.toml"
    path.write_text('[site]\nsite = "cho"\n', encoding="utf-8")
    with browsing(tmp_path, state_dir=staff(tmp_path / "state"), config_path=path) as browser:
        browser.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
        publish(tmp_path, a_status())
        yield browser


def interface(folder: Path, name: str, kind: str = "1", state: str = "up", *, wireless: bool = False) -> None:
    (folder / name / "device").mkdir(parents=True)
    (folder / name / "type").write_text(f"{kind}\n", encoding="ascii")
    (folder / name / "operstate").write_text(f"{state}\n", encoding="ascii")
    if wireless:
        (folder / name / "wireless").mkdir()


def test_cables_and_wifi_are_shown_with_their_link_and_neither_loopback_nor_bridges(tmp_path: Path) -> None:
    interface(tmp_path / "net", "lo", kind="772", state="unknown")
    interface(tmp_path / "net", "eth0", state="down")
    interface(tmp_path / "net", "wlan0", wireless=True)
    interface(tmp_path / "net", "br0")
    (tmp_path / "net/br0/device").rmdir()
    (tmp_path / "wireless").write_text(WIRELESS, encoding="ascii")
    state = read_network_state(tmp_path / "net", tmp_path / "wireless")
    assert state.interfaces == (
        Interface("eth0", wireless=False, up=False),
        Interface("wlan0", wireless=True, up=True, signal_percent=70),
    )
    assert state.mdns_name.endswith(".local")


@given(st.text(st.characters(codec="ascii"), max_size=300))
def test_whatever_the_kernel_writes_the_page_is_shown(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("net") / "wireless"
    path.write_text(text, encoding="ascii")
    assert read_network_state(path.parent / "none", path).interfaces == ()


@pytest.mark.parametrize("language", languages())
def test_the_page_says_the_name_the_time_and_the_network(client: FlaskClient, language: str) -> None:
    log_in(client, Role.ADMIN)
    text, t = client.get(f"/admin/device?lang={language}").text, translator(language)
    assert ".local" in text
    assert t("device.network.note") in text
    assert "Asia/Ho_Chi_Minh" in text


def test_a_restart_is_a_command_with_an_entry_in_the_audit_log(tmp_path: Path, client: FlaskClient) -> None:
    with FakeControlServer(tmp_path) as daemon:
        csrf = log_in(client, Role.ADMIN)
        assert "restarts" in client.post("/admin/device/restart", data={"csrf": csrf}).text
        assert daemon.commands == [RestartCommand()]
        assert audit(tmp_path)[-1] == ("admin", "restart", "done")
    assert client.post("/admin/device/restart", data={"csrf": csrf}).status_code == 502


def test_the_response_leaves_before_the_program_starts_again() -> None:
    now = [10.0]
    request = RestartRequest(monotonic=lambda: now[0])
    assert not request.is_due
    request.make()
    assert not request.is_due
    now[0] += DELAY_S
    request.make()
    assert request.is_due


def test_the_configuration_to_take_away_has_no_secret(tmp_path: Path, client: FlaskClient) -> None:
    csrf = log_in(client, Role.ADMIN)
    answer = client.post("/admin/device/backup", data={"csrf": csrf})
    with zipfile.ZipFile(io.BytesIO(answer.data)) as bundle:
        files = {name: bundle.read(name).decode() for name in bundle.namelist()}
    assert set(files) == {"READ-ME.txt", "kiosk.toml", "settings.txt"}
    assert files["kiosk.toml"] == '[site]\nsite = "cho"\n'
    assert not any(secret in text for text in files.values() for secret in (PASSWORD, PIN, "argon2"))
    assert audit(tmp_path)[-1] == ("admin", "download-backup", "done")


def test_only_the_administrator_may(client: FlaskClient) -> None:
    csrf = log_in(client, Role.GUARD)
    assert client.get("/admin/device").status_code == 302
    assert [
        client.post(path, data={"csrf": csrf}).status_code for path in ("/admin/device/restart", "/admin/device/backup")
    ] == [403, 403]
