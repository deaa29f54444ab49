"""Each defect of paho-mqtt that this product works around: shown in paho itself, and shown not to reach us.

Where paho mends one, the first half of its test fails: then the workaround may go.
"""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from mqtt.connection import (
    Acknowledged,
    BrokerEndpoint,
    BrokerRefusedError,
    BrokerUnreachableError,
    Connected,
    OutgoingMessage,
)
from mqtt.paho import connection
from mqtt.paho.connection import PahoConnection
from tests.fakes.processes.broker import Broker, free_port
from tests.faults.network_proxy import Mood, Proxy

TOPIC = "entrance/v1/dong-ba/gate-1/event"


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker() as running:
        yield running


def plain_paho(**options: Any) -> paho.Client:
    return paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311, **options)


def pump_on(link: PahoConnection) -> None:
    for _ in range(100):
        link.process(0.1)


def connected(broker: Broker, version: str = "5", name: str = "us") -> PahoConnection:
    link = PahoConnection(broker.endpoint(version), name)
    link.open()
    for _ in range(100):
        if any(isinstance(event, Connected) for event in link.process(0.1)):
            return link
    raise AssertionError("not connected")


def test_a_lock_around_publish_and_in_on_publish_deadlocks_paho_and_ours_calls_nobody_back(broker: Broker) -> None:
    lock = threading.Lock()
    inside, published = threading.Event(), threading.Event()
    theirs = plain_paho()

    def on_publish(*_: Any) -> None:
        inside.set()
        if lock.acquire(timeout=1.0):  # the application's lock; without the timeout this would be for ever
            lock.release()
        else:
            published.set()

    theirs.on_publish = on_publish
    theirs.connect("127.0.0.1", broker.port)
    theirs.loop_start()
    try:
        with lock:
            theirs.publish(TOPIC, b"1", qos=1)
            assert inside.wait(5), "paho calls on_publish from its own thread"
            theirs.publish(TOPIC, b"2", qos=1)  # waits for the lock that paho holds during the callback
            assert published.wait(5), "the callback waited for us, we waited for paho: a deadlock but for the timeout"
    finally:
        theirs.disconnect()
        theirs.loop_stop()

    ours = connected(broker)
    with lock:
        token = ours.publish(OutgoingMessage(TOPIC, b"1"))
        events = [event for _ in range(10) for event in ours.process(0.1)]
    assert Acknowledged(token) in [Acknowledged(e.token) for e in events if isinstance(e, Acknowledged)]
    ours.close()


def test_an_exception_in_a_callback_kills_pahos_thread_while_it_says_connected(broker: Broker) -> None:
    """paho issues #365 and #894. Ours has no thread to kill: pump() runs in its owner's."""
    failures: list[Any] = []
    threading.excepthook, before = failures.append, threading.excepthook
    theirs = plain_paho()

    def on_publish(*_: Any) -> None:
        raise ZeroDivisionError

    theirs.on_publish = on_publish
    try:
        theirs.connect("127.0.0.1", broker.port)
        theirs.loop_start()
        theirs.publish(TOPIC, b"1", qos=1)
        thread = theirs._thread
        assert thread is not None
        thread.join(5)
        assert not thread.is_alive()
        assert theirs.is_connected(), "and nobody is told"
        assert len(failures) == 1
    finally:
        threading.excepthook = before
        left = theirs.socket()
        if left is not None:
            left.close()
        theirs.loop_stop()
    threads = threading.active_count()
    ours = connected(broker)
    assert threading.active_count() == threads
    ours.close()


def test_paho_sends_everything_again_at_reconnect_past_its_own_limit_and_ours_knows_no_reconnect(
    broker: Broker,
) -> None:
    """paho issue #492. A link of ours serves one connection; the courier's window decides what goes again."""
    with Proxy(broker.port) as proxy:
        theirs = plain_paho()
        theirs.max_inflight_messages_set(5)
        theirs.connect("127.0.0.1", proxy.port)
        theirs.loop()
        for number in range(50):
            theirs.publish(TOPIC, str(number).encode(), qos=1)
        assert len(theirs._out_messages) == 50
        proxy.set(Mood.CUT)
        while theirs.loop(0.1) == paho.MQTT_ERR_SUCCESS:
            """Until it notices."""
        proxy.set(Mood.PASS)
        theirs.reconnect()
        for _ in range(50):
            theirs.loop(0.05)
            if not theirs._out_messages:
                break
        assert not theirs._out_messages, "all 50 went out by themselves"
        theirs.disconnect()

        link = PahoConnection(BrokerEndpoint("127.0.0.1", proxy.port), "us")
        link.open()
        link.process(0.5)
        link.publish(OutgoingMessage(TOPIC, b"1"))
        proxy.set(Mood.CUT)
        with pytest.raises(BrokerUnreachableError):
            pump_on(link)
        proxy.set(Mood.PASS)
        with pytest.raises(BrokerUnreachableError):
            link.publish(OutgoingMessage(TOPIC, b"2"))
        link.close()


def test_pahos_queue_ends_at_65535_messages_even_when_unlimited() -> None:
    """paho issue #377. Ours never has more under way than the courier's window, a thousand."""
    theirs = plain_paho()
    theirs.max_queued_messages_set(0)
    theirs.max_inflight_messages_set(0)
    codes = [theirs.publish(TOPIC, b"", qos=1).rc for _ in range(65_536)]
    assert codes[-1] == paho.MQTT_ERR_QUEUE_SIZE


def test_mqtt_5_may_refuse_a_message_that_paho_calls_published_and_ours_tells() -> None:
    acl = "allow_anonymous true\nacl_file {}"
    broker = Broker("")
    acl_file = broker.folder / "acl"
    acl_file.write_text("topic read #\n")
    broker.config.write_text(broker.config.read_text() + acl.format(acl_file) + "\n")
    with broker:
        theirs = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        theirs.connect("127.0.0.1", broker.port)
        info = theirs.publish(TOPIC, b"1", qos=1)
        for _ in range(50):
            theirs.loop(0.1)
            if info.is_published():
                break
        assert info.is_published(), "so it says, although nobody took it"
        theirs.disconnect()

        ours = connected(broker)
        token = ours.publish(OutgoingMessage(TOPIC, b"1"))
        events = [event for _ in range(10) for event in ours.process(0.1)]
        assert [event for event in events if isinstance(event, Acknowledged)] == [Acknowledged(token, "Not authorized")]
        ours.close()


def test_a_broker_with_nobody_behind_it_is_told_apart(broker: Broker) -> None:
    ours = connected(broker)
    token = ours.publish(OutgoingMessage(TOPIC, b"1"))
    events = [event for _ in range(10) for event in ours.process(0.1)]
    assert Acknowledged(token, None, no_subscribers=True) in events
    ours.close()


def test_mqtt_3_1_1_cannot_tell_either_of_these(broker: Broker) -> None:
    ours = connected(broker, "3.1.1")
    token = ours.publish(OutgoingMessage(TOPIC, b"1"))
    events = [event for _ in range(10) for event in ours.process(0.1)]
    assert Acknowledged(token) in events
    ours.close()


def test_a_peer_that_accepts_and_never_answers_connect_is_given_up(broker: Broker) -> None:
    """paho's loop_stop() was seen to block for 47 s with such a peer; ours has no loop to stop."""
    now = [0.0]
    with Proxy(broker.port) as proxy:
        proxy.set(Mood.MUTE)
        link = PahoConnection(BrokerEndpoint("127.0.0.1", proxy.port), "us", clock=lambda: now[0])
        link.open()
        assert link.process(0.05) == ()
        now[0] = connection.CONNACK_TIMEOUT_S + 1
        with pytest.raises(BrokerUnreachableError, match="does not answer CONNECT"):
            link.process(0.05)
        link.close()


def test_nobody_listening_is_one_sentence() -> None:
    link = PahoConnection(BrokerEndpoint("127.0.0.1", free_port()), "us")
    with pytest.raises(BrokerUnreachableError, match="Connection refused"):
        link.open()
    link.close()


def test_a_peer_that_speaks_no_mqtt_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = PahoConnection(BrokerEndpoint("127.0.0.1", server.getsockname()[1]), "us")
        link.open()
        near, _ = server.accept()
        near.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 20)
        near.close()
        with pytest.raises(BrokerUnreachableError):
            pump_on(link)
        link.close()


def test_a_broker_that_refuses_this_client_says_why() -> None:
    with Broker("allow_anonymous false") as broker:
        link = PahoConnection(broker.endpoint(), "us")
        link.open()
        with pytest.raises(BrokerRefusedError, match="Not authorized"):
            pump_on(link)
        link.close()


def test_wait_for_publish_hangs_for_ever_where_ours_only_looks(broker: Broker) -> None:
    """paho issue #613: without a timeout it never returns once the connection is gone; a link is pumped, not waited for."""
    theirs = plain_paho()
    theirs.connect("127.0.0.1", broker.port)
    theirs.loop()
    broker.kill()
    info = theirs.publish(TOPIC, b"1", qos=1)
    waiting = threading.Thread(target=info.wait_for_publish, args=(0.5,), daemon=True)
    waiting.start()
    waiting.join(0.3)
    assert waiting.is_alive(), "nothing will ever wake it but the timeout"
    waiting.join(5)
    left = theirs.socket()
    if left is not None:
        left.close()
    broker.start()


def test_the_session_survives_where_it_is_asked_for(broker: Broker) -> None:
    """paho issue #855: with MQTT 5 its default of clean_start throws the session away at the first connect."""
    for version in ("5", "3.1.1"):
        for present in (False, True):
            link = PahoConnection(broker.endpoint(version), f"centre-{version}", keep_session=True)
            link.open()
            greeting = [event for _ in range(3) for event in link.process(0.1) if isinstance(event, Connected)]
            assert [event.session_present for event in greeting] == [present]
            link.close()
