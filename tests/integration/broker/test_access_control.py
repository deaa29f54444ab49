"""Access control of the broker, with real certificates and the shipped configuration: every rule is tested with a violation."""

import shutil
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from click.testing import CliRunner

import mqtt.broker
from kiosk.cli.pki import pki
from mqtt import topics
from mqtt.broker.certificates import CertificateAuthority, CertificateUse
from mqtt.broker.pki_error import PkiError
from mqtt.connection import (
    Acknowledged,
    BrokerConnectionError,
    BrokerEndpoint,
    BrokerRefusedError,
    CertificateTimeError,
    Connected,
    IncomingMessage,
    OutgoingMessage,
    Subscribed,
)
from mqtt.paho.connection import PahoConnection
from mqtt.topics import DeviceTopics, TopicKind
from tests.fakes.processes.broker import Broker, free_port

SHIPPED = Path(mqtt.broker.__file__).parent
NOW = datetime.now(UTC)
ONE = DeviceTopics("entrance", "dong-ba", "gate-1")
TWO = DeviceTopics("entrance", "dong-ba", "gate-2")


class Site:
    """A broker with the shipped configuration, and endpoints for authorized and unauthorized clients."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = CertificateAuthority.create(folder, "test authority", NOW)
        self.authority.issue("broker", CertificateUse.SERVER, NOW, 30, ["127.0.0.1", "localhost"])
        self.authority.issue("centre", CertificateUse.CLIENT, NOW, 30)
        for branch in (ONE, TWO):
            self.authority.issue(f"{branch.site}/{branch.device}", CertificateUse.CLIENT, NOW, 30)
        self.broker = Broker("", listener=False)
        self.centre_port = free_port()
        self.broker.config.write_text(self.configuration(), encoding="utf-8")

    def configuration(self) -> str:
        """The shipped configuration with other paths, another port, and a debug log."""
        shutil.copy(SHIPPED / "acl", self.folder / "acl")
        text = (SHIPPED / "mosquitto.conf").read_text(encoding="utf-8")
        text = text.replace("/etc/mosquitto/entrance/", f"{self.folder}/").replace(
            "/var/lib/mosquitto/", f"{self.folder}/"
        )
        text = text.replace("listener 8883", f"listener {self.broker.port} 127.0.0.1")
        text = text.replace("listener 8884", f"listener {self.centre_port} 127.0.0.1")
        return f"{text}\nlog_dest file {self.broker.log}\nlog_type debug\nuser root\n"

    def endpoint(self, name: str | None, authority: Path | None = None) -> BrokerEndpoint:
        """Endpoint for the holder of a certificate. `name` None: without a certificate."""
        folder = authority or self.folder
        certificate = folder / f"{name.replace('/', '.')}.pem" if name else None
        return BrokerEndpoint(
            "127.0.0.1",
            self.broker.port,
            tls=True,
            ca_path=self.folder / "ca.pem",
            certificate_path=certificate,
            key_path=certificate.with_suffix(".key") if certificate else None,
        )

    def link(self, endpoint: BrokerEndpoint, client_id: str = "x") -> PahoConnection:
        """A connection after CONNACK. Raises BrokerConnectionError."""
        link = PahoConnection(endpoint, client_id)
        link.open()
        for _ in range(50):
            if any(isinstance(event, Connected) for event in link.process(0.1)):
                return link
        raise BrokerConnectionError("no CONNACK")

    def of(self, branch: DeviceTopics) -> PahoConnection:
        return self.link(self.endpoint(f"{branch.site}/{branch.device}"), f"link-{branch.device}")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site_ = Site(tmp_path_factory.mktemp("pki"))
    with site_.broker:
        yield site_


def publish_and_wait(link: PahoConnection, message: OutgoingMessage) -> Acknowledged:
    token = link.publish(message)
    for _ in range(50):
        for event in link.process(0.1):
            if isinstance(event, Acknowledged) and event.token == token:
                return event
    raise AssertionError("no acknowledgement")


def received(link: PahoConnection, *, turns: int = 5) -> list[IncomingMessage]:
    return [event for _ in range(turns) for event in link.process(0.1) if isinstance(event, IncomingMessage)]


def subscribe(link: PahoConnection, *filters: str) -> None:
    link.subscribe(filters)
    for _ in range(50):
        if any(isinstance(event, Subscribed) for event in link.process(0.1)):
            return
    raise AssertionError("no SUBACK")


@pytest.mark.parametrize("leaf", [TopicKind.STATE, TopicKind.EVENT, TopicKind.HEALTH, TopicKind.HELLO])
def test_a_device_publishes_on_its_own_topics_and_the_centre_receives_it(site: Site, leaf: TopicKind) -> None:
    centre, device = site.link(site.endpoint("centre"), "centre"), site.of(ONE)
    subscribe(centre, topics.topic_filter("entrance", leaf))
    assert publish_and_wait(device, OutgoingMessage(ONE.topic(leaf), b"hello")).failure is None
    assert [event.topic for event in received(centre)] == [ONE.topic(leaf)]
    for link in (centre, device):
        link.close()


def test_a_device_announces_itself_to_home_assistant_and_no_other_device(site: Site) -> None:
    one = site.of(ONE)
    own, other = (f"homeassistant/device/{each.site}/{each.device}/config" for each in (ONE, TWO))
    assert publish_and_wait(one, OutgoingMessage(own, b"{}", retain=True)).failure is None
    for topic in (other, "homeassistant/switch/dong-ba/gate-1/config", f"{own}/more"):
        assert publish_and_wait(one, OutgoingMessage(topic, b"{}", retain=True)).failure is not None
    one.close()


def test_a_device_receives_only_its_own_receipts(site: Site) -> None:
    centre, one, two = site.link(site.endpoint("centre"), "centre"), site.of(ONE), site.of(TWO)
    for link in (one, two):
        subscribe(link, ONE.topic(TopicKind.RECEIPT), "entrance/v1/+/+/receipt", "#")
    assert publish_and_wait(centre, OutgoingMessage(ONE.topic(TopicKind.RECEIPT), b"yours")).failure is None
    assert {event.topic for event in received(one)} == {ONE.topic(TopicKind.RECEIPT)}
    assert received(two) == []
    for link in (centre, one, two):
        link.close()


def test_a_device_receives_only_its_own_commands_and_only_the_centre_receives_replies(site: Site) -> None:
    centre, one, two = site.link(site.endpoint("centre"), "centre"), site.of(ONE), site.of(TWO)
    subscribe(centre, topics.reply_filter("entrance"))
    for link in (one, two):
        subscribe(link, ONE.command_topic("+"), topics.reply_filter("entrance"), "entrance/v1/+/+/command/+", "#")
    assert publish_and_wait(centre, OutgoingMessage(ONE.command_topic("pause"), b"yours")).failure is None
    assert {event.topic for event in received(one)} == {ONE.command_topic("pause")}
    assert publish_and_wait(one, OutgoingMessage(ONE.reply_topic("a" * 32), b"done")).failure is None
    assert [event.topic for event in received(centre)] == [ONE.reply_topic("a" * 32)]
    assert received(two) == []
    for link in (centre, one, two):
        link.close()


def test_a_device_receives_only_its_own_configuration_and_wants_none_of_another(site: Site) -> None:
    centre, one, two = site.link(site.endpoint("centre"), "centre"), site.of(ONE), site.of(TWO)
    for link in (one, two):
        subscribe(link, ONE.topic(TopicKind.DESIRED), topics.topic_filter("entrance", TopicKind.DESIRED))
    assert publish_and_wait(centre, OutgoingMessage(ONE.topic(TopicKind.DESIRED), b"yours")).failure is None
    assert {event.topic for event in received(one)} == {ONE.topic(TopicKind.DESIRED)}
    assert publish_and_wait(two, OutgoingMessage(ONE.topic(TopicKind.DESIRED), b"forged")).failure is not None
    assert received(two) == []
    assert received(one) == []
    for link in (centre, one, two):
        link.close()


def test_a_device_cannot_read_the_events_of_another_one_with_any_filter(site: Site) -> None:
    one, two = site.of(ONE), site.of(TWO)
    subscribe(
        two,
        "#",
        "entrance/#",
        "entrance/v1/+/+/event",
        ONE.topic(TopicKind.EVENT),
        f"$share/x/{ONE.topic(TopicKind.EVENT)}",
    )
    assert publish_and_wait(one, OutgoingMessage(ONE.topic(TopicKind.EVENT), b"private")).failure is None
    assert received(two) == []
    for link in (one, two):
        link.close()


@pytest.mark.parametrize(
    "topic",
    [
        TWO.topic(TopicKind.EVENT),
        TWO.topic(TopicKind.STATE),
        ONE.topic(TopicKind.RECEIPT),
        TWO.topic(TopicKind.RECEIPT),
        topics.centre_state_topic("entrance"),
        topics.backlog_rate_topic("entrance"),
        "entrance/v1/dong-ba/gate-2/command/open",
        "entrance/v1/dong-ba/gate-1/command/open",
        ONE.command_topic("pause"),
        TWO.command_topic("pause"),
        TWO.reply_topic("a" * 32),
        TWO.topic(TopicKind.HELLO),
        "entrance/v2/dong-ba/gate-1/event",
        "elsewhere",
    ],
)
def test_a_forged_event_receipt_or_command_of_a_device_is_refused_and_logged(site: Site, topic: str) -> None:
    device = site.of(ONE)
    assert publish_and_wait(device, OutgoingMessage(topic, b"forged")).failure == "Not authorized"
    device.close()
    assert logged(site, "Denied PUBLISH from dong-ba/gate-1")
    assert topic in site.broker.said()


def test_a_last_will_on_a_topic_of_another_device_is_not_published(site: Site) -> None:
    centre = site.link(site.endpoint("centre"), "centre")
    subscribe(centre, topics.topic_filter("entrance", TopicKind.STATE))
    received(centre, turns=1)  # drop the retained message
    will = OutgoingMessage(TWO.topic(TopicKind.STATE), b'{"state":"offline"}', retain=True)
    attacker = PahoConnection(site.endpoint("dong-ba/gate-1"), "attacker", will=will)
    try:
        attacker.open()
        for _ in range(5):
            attacker.process(0.1)
    except BrokerConnectionError:
        """Some brokers refuse the connection already."""
    attacker.close(clean=False)
    assert [event.topic for event in received(centre)] == []
    centre.close()


def test_the_centre_cannot_publish_as_a_device(site: Site) -> None:
    centre = site.link(site.endpoint("centre"), "centre")
    assert publish_and_wait(centre, OutgoingMessage(ONE.topic(TopicKind.EVENT), b"made up")).failure == "Not authorized"
    centre.close()


def logged(site: Site, *words: str) -> bool:
    """True if the log of the broker has one of the texts within 5 s. It may write the log after its answer."""
    pause = threading.Event()
    for _ in range(50):
        if any(word in site.broker.said() for word in words):
            return True
        pause.wait(0.1)
    return False


def refused(site: Site, endpoint: BrokerEndpoint) -> str:
    with pytest.raises(BrokerConnectionError) as error:
        site.link(endpoint).close()
    return str(error.value)


def test_a_client_without_a_certificate_is_refused(site: Site) -> None:
    refused(site, site.endpoint(None))
    assert logged(site, "peer did not return a certificate")


def test_a_certificate_of_another_authority_is_refused_and_logged(site: Site, tmp_path: Path) -> None:
    foreign = CertificateAuthority.create(tmp_path / "foreign", "another authority", NOW)
    foreign.issue("dong-ba/gate-1", CertificateUse.CLIENT, NOW, 30)
    refused(site, site.endpoint("dong-ba/gate-1", foreign.folder))
    assert logged(site, "unable to get local issuer", "certificate verify failed")


def test_an_expired_certificate_is_refused_and_logged(site: Site) -> None:
    site.authority.issue("dong-ba/gate-old", CertificateUse.CLIENT, NOW - timedelta(days=100), 30)
    refused(site, site.endpoint("dong-ba/gate-old"))
    assert logged(site, "certificate verify failed")


def test_a_server_certificate_is_refused_for_a_client(site: Site) -> None:
    refused(site, site.endpoint("broker"))


def test_a_revoked_device_is_refused_and_the_others_are_not(tmp_path: Path) -> None:
    site = Site(tmp_path / "pki")
    stolen = next(one for one in site.authority.issued() if one.name == "dong-ba/gate-2")
    site.authority.revoke([stolen.serial], NOW)
    with site.broker:
        refused(site, site.endpoint("dong-ba/gate-2"))
        site.of(ONE).close()


def test_a_broker_with_a_certificate_of_another_authority_is_not_trusted(site: Site, tmp_path: Path) -> None:
    other = CertificateAuthority.create(tmp_path / "other", "another authority", NOW)
    with pytest.raises(BrokerRefusedError, match="is not signed by the authority in"):
        site.link(replace(site.endpoint("dong-ba/gate-1"), ca_path=other.folder / "ca.pem"))


def test_a_certificate_that_is_invalid_only_by_the_clock_raises_its_own_error(tmp_path: Path) -> None:
    site = Site(tmp_path / "pki")
    site.authority.issue("broker", CertificateUse.SERVER, NOW + timedelta(days=1000), 30, ["127.0.0.1"])
    with site.broker, pytest.raises(CertificateTimeError, match=r"not valid yet by the clock of this device"):
        site.of(ONE)


def test_a_connection_without_tls_is_refused(site: Site) -> None:
    with pytest.raises(BrokerConnectionError):
        site.link(BrokerEndpoint("127.0.0.1", site.broker.port))


def test_the_pki_commands_issue_all_certificates_of_a_site(tmp_path: Path) -> None:
    folder = str(tmp_path / "pki")
    run = CliRunner()
    for arguments in (
        ["init"],
        ["broker", "mqtt.example.invalid", "10.0.0.5"],
        ["centre"],
        ["device", "dong-ba", "gate-1"],
    ):
        done = run.invoke(pki, [*arguments, "--folder", folder])
        assert done.exit_code == 0, done.output
    names = sorted(path.name for path in (tmp_path / "pki").iterdir())
    assert names == sorted(
        [f"{name}.{kind}" for name in ("broker", "centre", "dong-ba.gate-1", "ca") for kind in ("pem", "key")]
        + ["crl.pem"]
    )
    for key in (tmp_path / "pki").glob("*.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    listed = run.invoke(pki, ["list", "--folder", folder])
    assert "dong-ba/gate-1" in listed.output
    assert run.invoke(pki, ["list", "--folder", folder, "--within-days", "10"]).exit_code == 0
    assert run.invoke(pki, ["list", "--folder", folder, "--within-days", "9999"]).exit_code == 1


def test_an_existing_authority_is_not_replaced(tmp_path: Path) -> None:
    CertificateAuthority.create(tmp_path, "first", NOW)
    with pytest.raises(PkiError, match="there is an authority already"):
        CertificateAuthority.create(tmp_path, "second", NOW)


@pytest.mark.parametrize(
    "arguments", [["device", "centre", "gate-1"], ["device", "a/b", "+"], ["device", "dong-ba", "#"]]
)
def test_a_device_name_with_wildcards_or_of_the_centre_is_rejected(tmp_path: Path, arguments: list[str]) -> None:
    CertificateAuthority.create(tmp_path, "test", NOW)
    done = CliRunner().invoke(pki, [*arguments, "--folder", str(tmp_path)])
    assert done.exit_code == 1
    assert "Traceback" not in done.output


def test_renewal_makes_a_new_key_for_the_same_name_and_revocation_prints_the_name(tmp_path: Path) -> None:
    CertificateAuthority.create(tmp_path, "test", NOW)
    run = CliRunner()
    run.invoke(pki, ["device", "dong-ba", "gate-1", "--folder", str(tmp_path)])
    first = (tmp_path / "dong-ba.gate-1.key").read_bytes()
    run.invoke(pki, ["device", "dong-ba", "gate-1", "--folder", str(tmp_path)])
    assert (tmp_path / "dong-ba.gate-1.key").read_bytes() != first
    done = run.invoke(pki, ["revoke", str(tmp_path / "dong-ba.gate-1.pem"), "--folder", str(tmp_path)])
    assert "dong-ba/gate-1 is on" in done.output
    assert "revoked" in run.invoke(pki, ["list", "--folder", str(tmp_path)]).output


def test_the_listener_of_the_centre_has_the_same_access_control(site: Site) -> None:
    for name, allowed in (("centre", True), (f"{ONE.site}/{ONE.device}", True), (None, False)):
        endpoint = replace(site.endpoint(name), port=site.centre_port)
        if allowed:
            site.link(endpoint, "any").close()
        else:
            with pytest.raises(BrokerConnectionError):
                site.link(endpoint, "any")
    centre = site.link(replace(site.endpoint("centre"), port=site.centre_port))
    centre.subscribe(["entrance/v1/+/+/event"])
    assert wait_for(centre, Subscribed) == [Subscribed()]
    kiosk = site.of(ONE)
    kiosk.publish(OutgoingMessage(ONE.topic(TopicKind.EVENT), b"{}"))
    assert wait_for(kiosk, Acknowledged)
    assert [event.topic for event in wait_for(centre, IncomingMessage)] == [ONE.topic(TopicKind.EVENT)]
    centre.close()
    kiosk.close()


Event = TypeVar("Event", Subscribed, Acknowledged, IncomingMessage)


def wait_for(connection: PahoConnection, kind: type[Event]) -> list[Event]:
    """The next events of a kind. None where none comes within 5 s."""
    for _ in range(50):
        found = [event for event in connection.process(0.1) if isinstance(event, kind)]
        if found:
            return found
    return []
