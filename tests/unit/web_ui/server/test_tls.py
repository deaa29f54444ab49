"""The page over TLS: the browser's own address is seen, cookies stay on TLS, and who speaks plainly gets nothing."""

import http.client
import json
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.fakes.data.status_snapshots import a_status, publish
from tests.fakes.parts.web_accounts import PASSWORD, staff
from web_ui.auth.audit_log import AUDIT_FILE
from web_ui.server import tls
from web_ui.server.connection_limits import MAX_CONNECTIONS_PER_ADDRESS
from web_ui.settings import WebServerError

CONFIG = """\
run_dir = "."
[site]
site = "cho-dong-ba"
device = "cong-1"
[keys]
sealing_public_key = "x"
pseudonym_key = "x"
trust_list = "x"
root_public_key = "x"
[web]
port = 0
state_dir = "."
certificate = "web.pem"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("tls")
    publish(found, a_status())
    tls.make_self_signed_certificate(found / "web.pem", ["kiosk.lan", "192.168.1.20"])
    staff(found)
    (found / "kiosk.toml").write_text(CONFIG, encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    command = [sys.executable, "-m", "kiosk.cli", "web", "--config", str(folder / "kiosk.toml")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        found = re.fullmatch(r"web: https://127\.0\.0\.1:(\d+)/\n", process.stdout.readline())
        assert found
        yield int(found[1])
        process.terminate()
        assert process.wait(15) == 0
        assert process.stderr
        lines = process.stderr.read().splitlines()
        assert [line for line in lines if "web_ui.server.handshake_log: TLS: " not in line] == []


@pytest.fixture(scope="module")
def trusting(folder: Path) -> ssl.SSLContext:
    """A browser that trusts the self-made certificate."""
    return ssl.create_default_context(cafile=str(folder / "web.pem"))


def ask(
    port: int, trusting: ssl.SSLContext, source: str, method: str = "GET", path: str = "/healthz", **form: str
) -> http.client.HTTPResponse:
    connection = http.client.HTTPSConnection(
        "localhost", port, timeout=15, context=trusting, source_address=(source, 0)
    )
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-For": "10.6.6.6"}
    connection.request(method, path, urlencode(form) if form else None, headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_a_browser_that_trusts_the_certificate_reads_the_page(port: int, trusting: ssl.SSLContext) -> None:
    assert ask(port, trusting, "127.0.0.1").status == 200


def test_a_browser_that_does_not_trust_it_is_told(port: int) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(port, ssl.create_default_context(), "127.0.0.1")


def test_plain_http_on_the_port_is_hung_up_on(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=15) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            said = plain.recv(100)
        except ConnectionError:
            said = b""
    assert not said.startswith(b"HTTP")


def test_the_login_cookie_stays_on_tls_and_the_audit_log_knows_the_browser_itself(
    folder: Path, port: int, trusting: ssl.SSLContext
) -> None:
    answer = ask(port, trusting, "127.0.0.55", "POST", "/login", role="admin", secret=PASSWORD)
    assert answer.status == 302
    assert "Secure" in str(answer.headers["Set-Cookie"])
    entry = json.loads((folder / AUDIT_FILE).read_text(encoding="utf-8").splitlines()[-1])
    assert entry["address"] == "127.0.0.55"


def test_one_address_cannot_hold_every_connection(port: int, trusting: ssl.SSLContext) -> None:
    with ExitStack() as stack:
        for _ in range(MAX_CONNECTIONS_PER_ADDRESS):
            raw = stack.enter_context(socket.create_connection(("127.0.0.1", port), 15, ("127.0.0.66", 0)))
            stack.enter_context(trusting.wrap_socket(raw, server_hostname="localhost"))
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError, ssl.SSLError)):
            ask(port, trusting, "127.0.0.66")
        assert ask(port, trusting, "127.0.0.1").status == 200


def test_a_self_made_certificate_names_this_machine_and_its_key_is_its_owners(folder: Path) -> None:
    from cryptography import x509

    path = folder / "web.pem"
    made = x509.load_pem_x509_certificate(path.read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"localhost", "kiosk.lan"} <= set(names.get_values_for_type(x509.DNSName))
    assert "192.168.1.20" in map(str, names.get_values_for_type(x509.IPAddress))
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_certificate_that_cannot_be_used_ends_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "web.pem").write_text("not a certificate")
    with pytest.raises(WebServerError, match="cannot be used"):
        tls.make_server_context(tmp_path / "web.pem", None)
    with pytest.raises(WebServerError, match="cannot be used"):
        tls.make_server_context(tmp_path / "nowhere.pem", None)
