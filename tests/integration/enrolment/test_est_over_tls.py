"""The enrolment service as a process, over TLS: with openssl and curl, with our own client, and with wrong requests."""

import base64
import http.client
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kiosk.enrolment.certificate_check import open_bundle
from kiosk.enrolment.device_key import make_key, make_request, public_key_der
from kiosk.enrolment.est_client import EstClient
from kiosk.enrolment.invitation_code import InvitationCode, parse_invitation
from kiosk.enrolment.service_port import (
    RefusedError,
    ServiceAnswerError,
    ServiceUnreachableError,
    TlsIdentity,
    WaitAnswer,
)
from mqtt.broker.certificates import CertificateAuthority, CertificateUse
from mqtt.centre.enrolment.certificate_request import MAX_REQUEST_BYTES
from tests.fakes.centre.enrolment import DEVICE, NAME, SITE, EnrolmentCentre
from tests.paths import DATA

SCRIPT = DATA / "est-with-curl.sh"
BASIC = "Basic " + base64.b64encode(b"a/b:" + b"0" * 32).decode()
PKCS10 = {"Authorization": BASIC, "Content-Type": "application/pkcs10"}


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnrolmentCentre]:
    folder = tmp_path_factory.mktemp("centre")
    made = EnrolmentCentre(folder, str(folder / "centre.db"))
    with made.served():
        yield made


def invited(centre: EnrolmentCentre) -> tuple[int, InvitationCode]:
    made, text = centre.invite()
    return made.number, parse_invitation(text)


def run_script(centre: EnrolmentCentre, code: InvitationCode, folder: Path, action: str) -> list[str]:
    words = [centre.url, SITE, DEVICE, code.token.hex(), code.authority_fingerprint.hex(), str(folder), action]
    ended = subprocess.run(["sh", str(SCRIPT), *words], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


@pytest.mark.skipif(
    not shutil.which("curl") or not shutil.which("openssl"), reason="curl and openssl are not installed"
)
def test_openssl_and_curl_enrol_and_renew(centre: EnrolmentCentre, tmp_path: Path) -> None:
    number, code = invited(centre)
    assert run_script(centre, code, tmp_path, "begin") == ["202"]
    assert "retry-after: 5" in (tmp_path / "headers").read_text().lower()
    assert centre.found(number).hardware_serial == "10000000abcdef"
    centre.approve(number)
    assert run_script(centre, code, tmp_path, "collect") == ["200", "device.pem: OK"]
    assert run_script(centre, code, tmp_path, "renew") == ["200", "next.pem: OK"]
    subjects = {
        x509.load_pem_x509_certificate((tmp_path / name).read_bytes()).subject.rfc4514_string()
        for name in ("device.pem", "next.pem")
    }
    assert subjects == {f"CN={NAME}"}


def test_our_client_enrols_fetches_the_bundle_and_renews(centre: EnrolmentCentre, tmp_path: Path) -> None:
    number, code = invited(centre)
    client, key = EstClient(), make_key()
    authority = client.fetch_authority(code.url, code.authority_fingerprint)
    request = make_request(key, NAME, "board")
    trusting = TlsIdentity(authority)
    answer = client.enrol(code.url, trusting, NAME, code.token, request)
    assert answer == WaitAnswer(5.0)
    centre.approve(number)
    pem = client.enrol(code.url, trusting, NAME, code.token, request)
    assert isinstance(pem, bytes)
    (tmp_path / "device.pem").write_bytes(pem)
    (tmp_path / "device.key").write_bytes(key)
    identity = TlsIdentity(authority, tmp_path / "device.pem", tmp_path / "device.key")
    bundle = open_bundle(client.fetch_bundle(code.url, identity), authority, SITE, DEVICE)
    assert bundle.files["root.pem"] == (centre.folder / "root.pem").read_bytes()
    assert bundle.url == centre.url
    next_key = make_key()
    renewed = x509.load_pem_x509_certificate(client.renew(code.url, identity, make_request(next_key, NAME, "board")))
    assert public_key_der(next_key) == _public_key(renewed)


def _public_key(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_our_client_says_why_it_is_refused(centre: EnrolmentCentre) -> None:
    _, code = invited(centre)
    client = EstClient()
    authority = client.fetch_authority(code.url, code.authority_fingerprint)
    request = make_request(make_key(), NAME, "")
    with pytest.raises(RefusedError, match="unknown-token"):
        client.enrol(code.url, TlsIdentity(authority), NAME, b"x" * 16, request)
    with pytest.raises(RefusedError, match="wrong-name"):
        client.enrol(code.url, TlsIdentity(authority), NAME, code.token, make_request(make_key(), "a/b", ""))
    client.enrol(code.url, TlsIdentity(authority), NAME, code.token, request)
    with pytest.raises(RefusedError, match="other-key"):
        client.enrol(code.url, TlsIdentity(authority), NAME, code.token, make_request(make_key(), NAME, ""))
    with pytest.raises(RefusedError, match="certificate-required"):
        client.renew(code.url, TlsIdentity(authority), request)
    with pytest.raises(RefusedError, match="certificate-required"):
        client.fetch_bundle(code.url, TlsIdentity(authority))


def test_our_client_trusts_only_the_authority_of_the_code(centre: EnrolmentCentre, tmp_path: Path) -> None:
    _, code = invited(centre)
    with pytest.raises(ServiceAnswerError, match="not that of the invitation"):
        EstClient().fetch_authority(code.url, b"x" * 32)
    CertificateAuthority.create(tmp_path, "another", datetime.now(UTC))
    with pytest.raises(ServiceAnswerError, match="certificate of the service"):
        EstClient().enrol(code.url, TlsIdentity((tmp_path / "ca.pem").read_bytes()), NAME, code.token, b"")


def test_a_service_with_another_name_gets_no_token_and_an_old_clock_ignores_dates_alone(
    centre: EnrolmentCentre,
) -> None:
    _, code = invited(centre)
    authority = (centre.pki / "ca.pem").read_bytes()
    elsewhere = centre.url.replace("127.0.0.1", "127.0.0.2")
    for check_dates in (True, False):
        with pytest.raises((ServiceAnswerError, ServiceUnreachableError)):
            EstClient().enrol(elsewhere, TlsIdentity(authority, check_dates=check_dates), NAME, code.token, b"")


def test_a_closed_port_a_silent_server_and_a_plain_answer_are_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ServiceUnreachableError):
            EstClient(timeout_s=0.2).fetch_authority(f"https://127.0.0.1:{port}", b"")
    with pytest.raises(ServiceUnreachableError):
        EstClient(timeout_s=0.2).fetch_authority(f"https://127.0.0.1:{port}", b"")


def test_a_certificate_of_another_authority_does_not_pass_tls(centre: EnrolmentCentre, tmp_path: Path) -> None:
    other = CertificateAuthority.create(tmp_path, "test authority", datetime.now(UTC))
    other.issue(NAME, CertificateUse.CLIENT, datetime.now(UTC), 30)
    stem = tmp_path / f"{SITE}.{DEVICE}"
    identity = TlsIdentity((centre.pki / "ca.pem").read_bytes(), Path(f"{stem}.pem"), Path(f"{stem}.key"))
    with pytest.raises((ServiceUnreachableError, ServiceAnswerError)):
        EstClient().fetch_bundle(centre.url, identity)


@pytest.mark.parametrize(
    ("request_line", "body", "headers", "status"),
    [
        ("GET /", b"", {}, 404),
        ("GET /.well-known/est/simpleenroll", b"", {}, 405),
        ("POST /.well-known/est/simpleenroll", b"", {}, 401),
        ("POST /.well-known/est/simpleenroll", b"x", {"Authorization": "Basic !!!"}, 401),
        ("POST /.well-known/est/simpleenroll", b"x", {"Authorization": "Bearer abc"}, 401),
        ("POST /.well-known/est/simpleenroll", b"x", {"Authorization": BASIC}, 415),
        ("POST /.well-known/est/simpleenroll", b"x", PKCS10, 400),
        ("POST /.well-known/est/simpleenroll", b"A" * (MAX_REQUEST_BYTES + 1), PKCS10, 413),
        ("POST /.well-known/est/simplereenroll", b"x", {"Content-Type": "application/pkcs10"}, 403),
        ("GET /enrolment/bundle", b"", {}, 403),
        ("GET /healthz", b"", {}, 200),
    ],
)  # fmt: skip
def test_a_wrong_request_gets_its_status_and_a_short_text(
    centre: EnrolmentCentre, request_line: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    context = ssl.create_default_context(cafile=str(centre.pki / "ca.pem"))
    address = urlsplit(centre.url)
    connection = http.client.HTTPSConnection(address.hostname or "", address.port, context=context, timeout=20)
    method, path = request_line.split()
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    assert answer.status == status
    assert len(content) < 200
    if status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
