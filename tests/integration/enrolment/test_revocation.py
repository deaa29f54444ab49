"""`kiosk centre revoke` with a real mosquitto: the list is read at SIGHUP, without a restart, and other kiosks stay connected."""

import base64
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.enrolment.device_key import make_key, make_request
from kiosk.enrolment.invitation_code import parse_invitation
from mqtt.broker.certificates import CertificateUse
from mqtt.centre.enrolment.certificate_request import parse_request
from mqtt.centre.enrolment.service import Issued
from mqtt.connection import BrokerConnectionError, BrokerEndpoint, Connected
from mqtt.paho.connection import PahoConnection
from tests.fakes.centre.enrolment import NAME, SITE, EnrolmentCentre
from tests.fakes.processes.broker import Broker, free_port
from web_ui.centre.commands.revoke import revoke

OTHER = f"{SITE}/gate-8"
WHO = ["--requested-by", "An", "--reason", "stolen on 27 November"]
PATIENCE_S = 20.0
_tick = threading.Event()


@pytest.fixture
def centre(tmp_path: Path) -> EnrolmentCentre:
    made = EnrolmentCentre(tmp_path, str(tmp_path / "centre.db"))
    made.authority.issue("broker", CertificateUse.SERVER, datetime.now(UTC), 30, ["127.0.0.1"])
    return made


@pytest.fixture
def broker(centre: EnrolmentCentre, tmp_path: Path) -> Iterator[Broker]:
    """With certificates and a revocation list of its own, as the shipped configuration has them."""
    shutil.copy(centre.pki / "crl.pem", tmp_path / "crl-of-the-broker.pem")
    made = Broker("", listener=False)
    made.config.write_text(
        f"listener {made.port} 127.0.0.1\ncafile {centre.pki / 'ca.pem'}\ncertfile {centre.pki / 'broker.pem'}\n"
        f"keyfile {centre.pki / 'broker.key'}\ncrlfile {tmp_path / 'crl-of-the-broker.pem'}\nrequire_certificate true\n"
        f"use_identity_as_username true\nuse_username_as_clientid true\nallow_anonymous false\n"
        f"log_dest file {made.log}\nlog_type all\nuser root\n",
        encoding="utf-8",
    )
    with made:
        yield made


def enrol(centre: EnrolmentCentre, name: str) -> BrokerEndpoint:
    """A kiosk that enrolled. Its endpoint, without the port."""
    key = make_key()
    site, device = name.split("/")
    request = parse_request(base64.b64encode(make_request(key, name, "")))
    made, text = centre.invite(site, device)
    service, token, now = centre.service(), parse_invitation(text).token, datetime.now(UTC)
    service.enrol(name, token, request, "10.0.0.7", now)
    centre.approve(made.number)
    answer = service.enrol(name, token, request, "10.0.0.7", now)
    assert isinstance(answer, Issued)
    stem = centre.folder / name.replace("/", ".")
    (certificate, key_path) = (Path(f"{stem}.pem"), Path(f"{stem}.key"))
    certificate.write_bytes(answer.pem)
    key_path.write_bytes(key)
    return BrokerEndpoint(
        "127.0.0.1", 0, tls=True, ca_path=centre.pki / "ca.pem", certificate_path=certificate, key_path=key_path
    )


def connect(endpoint: BrokerEndpoint, broker: Broker) -> PahoConnection:
    """A connection after CONNACK. Raises BrokerConnectionError."""
    from dataclasses import replace

    link = PahoConnection(replace(endpoint, port=broker.port), "any")
    link.open()
    for _ in range(100):
        if any(isinstance(event, Connected) for event in link.process(0.1)):
            return link
    raise BrokerConnectionError("no CONNACK")


def is_closed_soon(link: PahoConnection) -> bool:
    """Whether the broker closes a connection within some seconds."""
    try:
        for _ in range(200):
            link.process(0.1)
    except BrokerConnectionError:
        return True
    finally:
        link.close()
    return False


def is_refused_soon(endpoint: BrokerEndpoint, broker: Broker) -> bool:
    """Whether a new connection is refused within some seconds: mosquitto reads the list in its own loop."""
    ends_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends_s:
        try:
            connect(endpoint, broker).close()
        except BrokerConnectionError:
            return True
        _tick.wait(0.2)
    return False


@contextmanager
def kept_alive(connection: PahoConnection) -> Iterator[None]:
    """Serve a connection on a thread of its own, so that no ping is late. Raises the error of a connection that was lost."""
    stop, lost = threading.Event(), list[BrokerConnectionError]()

    def serve() -> None:
        try:
            while not stop.is_set():
                connection.process(0.1)
        except BrokerConnectionError as error:
            lost.append(error)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if lost:
        raise lost[0]


def test_a_revoked_kiosk_is_refused_without_a_restart_and_others_stay_connected(
    centre: EnrolmentCentre, broker: Broker, tmp_path: Path
) -> None:
    stolen, other = enrol(centre, NAME), enrol(centre, OTHER)
    connect(stolen, broker).close()
    staying = connect(other, broker)
    pid = broker.pid
    crl = tmp_path / "crl-of-the-broker.pem"
    options = ["--pki", str(centre.pki), "--crl", str(crl), "--reload", f"kill -HUP {pid}", *WHO]
    with kept_alive(staying):
        done = CliRunner().invoke(revoke, [NAME, *options], obj=centre.database)
        assert done.exit_code == 0, done.output
        assert is_refused_soon(stolen, broker)
        assert broker.pid == pid
    connect(other, broker).close()  # takes the other connection over, by its client id
    assert centre.audited()[-1] == "revoke-device"


def test_the_connection_that_a_stolen_kiosk_has_is_ended_and_does_not_come_back(
    centre: EnrolmentCentre, broker: Broker, tmp_path: Path
) -> None:
    stolen = enrol(centre, NAME)
    present = connect(stolen, broker)
    options = ["--pki", str(centre.pki), "--crl", str(tmp_path / "crl-of-the-broker.pem")]
    options += ["--reload", f"kill -HUP {broker.pid}", "--broker", f"127.0.0.1:{broker.port}", *WHO]
    done = CliRunner().invoke(revoke, [NAME, *options], obj=centre.database)
    assert done.exit_code == 0, done.output
    assert is_closed_soon(present)
    assert is_refused_soon(stolen, broker)


def test_where_the_connection_cannot_be_ended_the_command_says_so(centre: EnrolmentCentre) -> None:
    enrol(centre, NAME)
    options = ["--pki", str(centre.pki), "--broker", f"127.0.0.1:{free_port()}", *WHO]
    done = CliRunner().invoke(revoke, [NAME, *options], obj=centre.database)
    assert done.exit_code == 1
    assert "stays until it ends" in done.output


def test_a_device_without_a_certificate_is_not_revoked_and_nothing_is_audited(centre: EnrolmentCentre) -> None:
    done = CliRunner().invoke(revoke, ["dong-ba/gate-99", "--pki", str(centre.pki), *WHO], obj=centre.database)
    assert done.exit_code == 1
    assert "no certificate" in done.output
    assert "revoke-device" not in centre.audited()


def test_where_the_broker_cannot_be_reloaded_the_command_says_what_is_to_do(
    centre: EnrolmentCentre, tmp_path: Path
) -> None:
    enrol(centre, NAME)
    options = ["--pki", str(centre.pki), "--crl", str(tmp_path / "copy.pem"), "--reload", "false", *WHO]
    done = CliRunner().invoke(revoke, [NAME, *options], obj=centre.database)
    assert done.exit_code == 1
    assert "the broker does not know it yet" in done.output
    assert (tmp_path / "copy.pem").read_bytes() == (centre.pki / "crl.pem").read_bytes()
