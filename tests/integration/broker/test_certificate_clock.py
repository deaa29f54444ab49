"""Certificates that are invalid only by the clock are a separate error, and delivery starts once clock and certificate agree."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.core.model import ClockQuality
from kiosk.core.status import CheckStatus
from kiosk.delivery import DeliveryOptions, OutboxRelay
from kiosk.health import evaluate
from kiosk.health.measurements import Measurements
from kiosk.storage import SqliteEventStore
from kiosk.system.clock import SystemClock
from kiosk.system.messages import check_message
from kiosk.system.translations import translator
from mqtt.broker.certificates import CLOCK_SKEW, CertificateAuthority, CertificateUse
from mqtt.centre.ingest.collector import Collector
from mqtt.centre.sqlite.ledger import SqliteLedger
from mqtt.connection import BrokerEndpoint, Connection, OutgoingMessage
from mqtt.paho.connection import PahoConnection
from tests.fakes.data.access_events import GATE, an_event
from tests.fakes.processes.broker import Broker


class TlsSite:
    """A mosquitto that requires certificates, an authority, and an outbox relay with a certificate."""

    def __init__(self, folder: Path) -> None:
        self.now = datetime.now(UTC)
        self.folder = folder
        self.authority = CertificateAuthority.create(folder / "pki", "test authority", self.now)
        for name in ("dong-ba/gate-1", "centre"):
            self.authority.issue(name, CertificateUse.CLIENT, self.now, 30)
        self.broker = Broker("", listener=False)
        self.broker.config.write_text(self._configuration(), encoding="utf-8")
        self.store = SqliteEventStore(folder / "p.db")
        self.relay = OutboxRelay(
            self.store,
            GATE,
            self.connect,
            clock=SystemClock(),
            options=DeliveryOptions(reconnect_max_delay_s=0.3),
            software_version="test",
        )
        self._pause = threading.Event()

    def _configuration(self) -> str:
        pki = self.folder / "pki"
        return (
            f"listener {self.broker.port} 127.0.0.1\ncafile {pki}/ca.pem\ncertfile {pki}/broker.pem\n"
            f"keyfile {pki}/broker.key\nrequire_certificate true\nuse_identity_as_username true\nallow_anonymous false\n"
            f"user root\nlog_dest file {self.broker.log}\n"
        )

    def endpoint(self, name: str) -> BrokerEndpoint:
        pki = self.folder / "pki"
        certificate, key = pki / f"{name}.pem", pki / f"{name}.key"
        return BrokerEndpoint(
            "127.0.0.1", self.broker.port, tls=True, ca_path=pki / "ca.pem", certificate_path=certificate, key_path=key
        )

    def connect(self, will: OutgoingMessage) -> Connection:
        return PahoConnection(self.endpoint("dong-ba.gate-1"), "gate-1", will=will)

    def certify_broker(self, at: datetime, days: int, authority: CertificateAuthority | None = None) -> None:
        """Issue a certificate of the broker that is valid from `at`."""
        issued = (authority or self.authority).issue(
            "broker", CertificateUse.SERVER, at + CLOCK_SKEW, days, ["127.0.0.1"]
        )
        for suffix in (".pem", ".key"):
            source = issued.path.with_suffix(suffix)
            (self.folder / "pki" / f"broker{suffix}").write_bytes(source.read_bytes())

    def until(self, done: Callable[[], bool], *steps: Callable[[], float], within_s: float = 30.0) -> None:
        ends_s = time.monotonic() + within_s
        while not done():
            assert time.monotonic() < ends_s, self.relay.status()
            self._pause.wait(min([self.relay.step(), *(step() for step in steps)]))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[TlsSite]:
    made = TlsSite(tmp_path)
    with closing(made.store), closing(made.relay):
        yield made


def test_delivery_waits_for_a_certificate_that_is_not_yet_valid(site: TlsSite) -> None:
    valid_from = datetime.now(UTC) + timedelta(seconds=4)
    site.certify_broker(valid_from, 30)
    site.store.commit_all([an_event(number) for number in range(1, 31)])
    with site.broker:
        site.until(lambda: site.relay.status().certificate_time_error)
        assert "not valid yet by the clock of this device" in site.relay.status().error
        assert "tried again until the clock is right" in site.relay.status().error
        assert datetime.now(UTC) < valid_from

        def connect(will: OutgoingMessage) -> Connection:
            return PahoConnection(site.endpoint("centre"), "centre-1", will=will, keep_session=True)

        with closing(SqliteLedger(site.folder / "centre.db")) as ledger:
            site.until(lambda: datetime.now(UTC) > valid_from)
            collector = Collector("entrance", ledger, connect)
            site.until(lambda: site.store.backlog_size() == 0, collector.step)
            collector.close()
    assert site.relay.status().connected
    assert not site.relay.status().certificate_time_error
    assert datetime.now(UTC) > valid_from - timedelta(seconds=1)


def test_an_expired_certificate_is_no_time_error_and_delivery_begins_when_the_broker_has_a_new_one(
    site: TlsSite,
) -> None:
    site.certify_broker(site.now - timedelta(days=40), 30)
    with site.broker:
        site.until(lambda: "has expired by the clock of this device" in site.relay.status().error)
        assert not site.relay.status().certificate_time_error
        assert site.relay.status().refused
        site.broker.stop()
        site.certify_broker(site.now - timedelta(days=1), 30)
        site.broker.start()
        site.until(lambda: site.relay.status().connected)
        assert not site.relay.status().refused
        assert not site.relay.status().certificate_time_error


def test_a_certificate_of_another_authority_is_no_time_error(site: TlsSite) -> None:
    foreign = CertificateAuthority.create(site.folder / "foreign", "another authority", site.now)
    site.certify_broker(site.now - timedelta(days=1), 30, foreign)
    with site.broker:
        site.until(lambda: "is not signed by the authority in" in site.relay.status().error)
        assert not site.relay.status().certificate_time_error


def test_the_check_of_the_broker_reports_the_time_error_and_the_reconnect() -> None:
    measures = Measurements(
        frame_age_s=0.1, clock_quality=ClockQuality.SYNCHRONISED, broker_down_s=3.0, certificate_time_error=True
    )
    (check,) = [check for check in evaluate(measures) if check.code == "broker"]
    assert (check.status, check.reason) == (CheckStatus.WARN, "certificate-time")
    english, vietnamese = (check_message(translator(language), check) for language in ("en", "vi"))
    assert "certificate is not valid" in english
    assert "reconnects by itself" in english
    assert "chứng thư số" in vietnamese
