"""A certificate can be used under its own client id only, so no device can throw off the centre or another device."""

from collections.abc import Iterator

import pytest

from mqtt import topics
from mqtt.broker.certificates import CertificateUse
from mqtt.connection import (
    BrokerConnectionError,
    Connected,
    ConnectionEvent,
    IncomingMessage,
    OutgoingMessage,
)
from mqtt.paho.connection import PahoConnection
from mqtt.topics import TopicKind
from tests.integration.broker.test_access_control import NOW, ONE, TWO, Site, publish_and_wait, received, subscribe

EVENTS = topics.topic_filter("entrance", TopicKind.EVENT)


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site_ = Site(tmp_path_factory.mktemp("pki"))
    with site_.broker:
        yield site_


def attack(site: Site, client_id: str) -> list[ConnectionEvent]:
    """What the certificate of gate-1 gets under another client id, with a session that is kept."""
    link = PahoConnection(site.endpoint("dong-ba/gate-1"), client_id, keep_session=True)
    events: list[ConnectionEvent] = []
    try:
        link.open()
        for _ in range(5):
            events += link.process(0.1)
    except BrokerConnectionError:
        """Some brokers refuse the connection."""
    link.close(clean=False)
    return events


@pytest.mark.parametrize("client_id", ["centre", "centre-1", "centre-2", "dong-ba/gate-2", "link-gate-2", ""])
def test_a_device_with_another_client_id_disconnects_no_other_client(site: Site, client_id: str) -> None:
    centre, two = site.link(site.endpoint("centre"), "centre-1"), site.of(TWO)
    subscribe(centre, EVENTS)
    for _ in range(3):
        attack(site, client_id)
    assert publish_and_wait(two, OutgoingMessage(TWO.topic(TopicKind.EVENT), b"still here")).failure is None
    assert [event.payload for event in received(centre)] == [b"still here"]
    centre.close()
    two.close()


@pytest.mark.parametrize("client_id", ["centre", "centre-1"])
def test_a_device_gets_nothing_of_the_session_of_a_centre_that_is_away(site: Site, client_id: str) -> None:
    def centre_link() -> PahoConnection:
        link = PahoConnection(site.endpoint("centre"), "centre-1", keep_session=True)
        link.open()
        return link

    centre = centre_link()
    while not any(isinstance(event, Connected) for event in centre.process(0.1)):
        pass
    subscribe(centre, EVENTS)
    centre.close()
    two = site.of(TWO)
    publish_and_wait(two, OutgoingMessage(TWO.topic(TopicKind.EVENT), b"for the centre"))
    two.close()
    found = attack(site, client_id)
    assert not any(isinstance(event, IncomingMessage) for event in found)
    assert not any(event.session_present for event in found if isinstance(event, Connected))
    centre = centre_link()
    assert [event.payload for event in received(centre, turns=10)] == [b"for the centre"]
    centre.close()


def test_two_centres_with_a_certificate_each_work_side_by_side(site: Site) -> None:
    site.authority.issue("centre-2", CertificateUse.CLIENT, NOW, 30)
    first, second = site.link(site.endpoint("centre"), "centre-1"), site.link(site.endpoint("centre-2"), "centre-2")
    for link in (first, second):
        subscribe(link, EVENTS)
    one = site.of(ONE)
    publish_and_wait(one, OutgoingMessage(ONE.topic(TopicKind.EVENT), b"hello"))
    for link in (first, second):
        assert [event.payload for event in received(link)] == [b"hello"]
    answer = OutgoingMessage(ONE.topic(TopicKind.RECEIPT), b"yours")
    assert publish_and_wait(second, answer).failure is None
    for link in (first, second, one):
        link.close()
