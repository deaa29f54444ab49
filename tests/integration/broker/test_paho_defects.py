"""Each defect of paho-mqtt that we work around: shown in paho, and shown not to affect our connection.

If paho fixes one, the first half of its test fails. Then the workaround can be removed.
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


def process_repeatedly(connection_: PahoConnection) -> None:
    for _ in range(100):
        connection_.process(0.1)


def connected(broker: Broker, version: str = "5", name: str = "us") -> PahoConnection:
    connection_ = PahoConnection(broker.endpoint(version), name)
    connection_.open()
    for _ in range(100):
        if any(isinstance(event, Connected) for event in connection_.process(0.1)):
            return connection_
    raise AssertionError("not connected")


def test_a_lock_in_on_publish_deadlocks_paho_and_ours_has_no_callbacks(broker: Broker) -> None:
    lock = threading.Lock()
    inside, published = threading.Event(), threading.Event()
    theirs = plain_paho()

    def on_publish(*_: Any) -> None:
        inside.set()
        if lock.acquire(timeout=1.0):  # the lock of the application. Without the timeout it would wait for ever
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
            theirs.publish(TOPIC, b"2", qos=1)  # waits for the lock that paho holds during the callback.
            assert published.wait(5), "callback and publish wait for each other: only the timeout ends the deadlock"
    finally:
        theirs.disconnect()
        theirs.loop_stop()

    ours = connected(broker)
    with lock:
        token = ours.publish(OutgoingMessage(TOPIC, b"1"))
        events = [event for _ in range(10) for event in ours.process(0.1)]
    assert Acknowledged(token) in [Acknowledged(e.token) for e in events if isinstance(e, Acknowledged)]
    ours.close()


def test_an_exception_in_a_callback_ends_the_thread_of_paho_which_still_reports_connected(broker: Broker) -> None:
    """paho issues #365 and #894. Ours has no thread: process() runs in the thread of its owner."""
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
        assert theirs.is_connected(), "no error is reported"
        assert len(failures) == 1
    finally:
        threading.excepthook = before
        open_socket = theirs.socket()
        if open_socket is not None:
            open_socket.close()
        theirs.loop_stop()
    threads = threading.active_count()
    ours = connected(broker)
    assert threading.active_count() == threads
    ours.close()


def test_paho_resends_all_messages_at_reconnect_beyond_its_limit_and_ours_never_reconnects(
    broker: Broker,
) -> None:
    """paho issue #492. Our object is one connection. The in-flight window of the relay decides what is sent again."""
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
            """Until paho detects the loss."""
        proxy.set(Mood.PASS)
        theirs.reconnect()
        for _ in range(50):
            theirs.loop(0.05)
            if not theirs._out_messages:
                break
        assert not theirs._out_messages, "paho sent all 50 again by itself"
        theirs.disconnect()

        connection_ = PahoConnection(BrokerEndpoint("127.0.0.1", proxy.port), "us")
        connection_.open()
        connection_.process(0.5)
        connection_.publish(OutgoingMessage(TOPIC, b"1"))
        proxy.set(Mood.CUT)
        with pytest.raises(BrokerUnreachableError):
            process_repeatedly(connection_)
        proxy.set(Mood.PASS)
        with pytest.raises(BrokerUnreachableError):
            connection_.publish(OutgoingMessage(TOPIC, b"2"))
        connection_.close()


def test_the_unlimited_queue_of_paho_ends_at_65535_messages() -> None:
    """paho issue #377. We never have more messages in flight than the window of the relay, 1000."""
    theirs = plain_paho()
    theirs.max_queued_messages_set(0)
    theirs.max_inflight_messages_set(0)
    codes = [theirs.publish(TOPIC, b"", qos=1).rc for _ in range(65_536)]
    assert codes[-1] == paho.MQTT_ERR_QUEUE_SIZE


def test_a_message_refused_in_mqtt_5_is_published_for_paho_and_a_failure_for_ours() -> None:
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
        assert info.is_published(), "paho reports it as published, although the broker refused it"
        theirs.disconnect()

        ours = connected(broker)
        token = ours.publish(OutgoingMessage(TOPIC, b"1"))
        events = [event for _ in range(10) for event in ours.process(0.1)]
        assert [event for event in events if isinstance(event, Acknowledged)] == [Acknowledged(token, "Not authorized")]
        ours.close()


def test_a_message_without_subscribers_is_reported(broker: Broker) -> None:
    ours = connected(broker)
    token = ours.publish(OutgoingMessage(TOPIC, b"1"))
    events = [event for _ in range(10) for event in ours.process(0.1)]
    assert Acknowledged(token, None, no_subscribers=True) in events
    ours.close()


def test_mqtt_3_1_1_reports_neither_of_these(broker: Broker) -> None:
    ours = connected(broker, "3.1.1")
    token = ours.publish(OutgoingMessage(TOPIC, b"1"))
    events = [event for _ in range(10) for event in ours.process(0.1)]
    assert Acknowledged(token) in events
    ours.close()


def test_a_peer_that_accepts_and_never_answers_connect_is_given_up(broker: Broker) -> None:
    """loop_stop() of paho blocked for 47 s with such a peer. Ours has no loop."""
    now = [0.0]
    with Proxy(broker.port) as proxy:
        proxy.set(Mood.MUTE)
        connection_ = PahoConnection(BrokerEndpoint("127.0.0.1", proxy.port), "us", clock=lambda: now[0])
        connection_.open()
        assert connection_.process(0.05) == ()
        now[0] = connection.CONNACK_TIMEOUT_S + 1
        with pytest.raises(BrokerUnreachableError, match="does not answer CONNECT"):
            connection_.process(0.05)
        connection_.close()


def test_an_unreachable_port_raises_one_error() -> None:
    connection_ = PahoConnection(BrokerEndpoint("127.0.0.1", free_port()), "us")
    with pytest.raises(BrokerUnreachableError, match="Connection refused"):
        connection_.open()
    connection_.close()


def test_a_peer_without_mqtt_raises_one_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection_ = PahoConnection(BrokerEndpoint("127.0.0.1", server.getsockname()[1]), "us")
        connection_.open()
        near, _ = server.accept()
        near.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 20)
        near.close()
        with pytest.raises(BrokerUnreachableError):
            process_repeatedly(connection_)
        connection_.close()


def test_a_refused_client_gets_the_reason() -> None:
    with Broker("allow_anonymous false") as broker:
        connection_ = PahoConnection(broker.endpoint(), "us")
        connection_.open()
        with pytest.raises(BrokerRefusedError, match="Not authorized"):
            process_repeatedly(connection_)
        connection_.close()


def test_wait_for_publish_of_paho_hangs_for_ever_after_a_lost_connection(broker: Broker) -> None:
    """paho issue #613: without a timeout it never returns after the connection is lost. Ours is polled with process()."""
    theirs = plain_paho()
    theirs.connect("127.0.0.1", broker.port)
    theirs.loop()
    broker.kill()
    info = theirs.publish(TOPIC, b"1", qos=1)
    waiter = threading.Thread(target=info.wait_for_publish, args=(0.5,), daemon=True)
    waiter.start()
    waiter.join(0.3)
    assert waiter.is_alive(), "only the timeout wakes it"
    waiter.join(5)
    open_socket = theirs.socket()
    if open_socket is not None:
        open_socket.close()
    broker.start()


def test_a_session_is_kept_if_requested(broker: Broker) -> None:
    """paho issue #855: with MQTT 5 its default of clean_start discards the session at the first connect."""
    for version in ("5", "3.1.1"):
        for present in (False, True):
            connection_ = PahoConnection(broker.endpoint(version), f"centre-{version}", keep_session=True)
            connection_.open()
            greeting = [event for _ in range(3) for event in connection_.process(0.1) if isinstance(event, Connected)]
            assert [event.session_present for event in greeting] == [present]
            connection_.close()
