"""A private mosquitto process on a free loopback port, with any configuration."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from mqtt.connection import (
    Acknowledged,
    BrokerConnectionError,
    BrokerEndpoint,
    Connected,
    IncomingMessage,
    OutgoingMessage,
    Subscribed,
)
from mqtt.paho.connection import PahoConnection

PLAIN = "allow_anonymous true"
"""Default settings of the broker, but without authentication."""


def mosquitto() -> str:
    """Path of the program. In Debian it is in /usr/sbin, which is not in the PATH of normal users."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    assert found is not None, "mosquitto is not installed: sudo apt-get install mosquitto"
    return found


def free_port() -> int:
    """A port on which no program listened a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """`with Broker() as broker:` starts it and waits until it answers. Leaving the block kills it.

    `configuration` is added to the line of the listener. `stop`, `kill` and `start` may be used inside the block. Port and
    persistence folder stay the same.
    """

    def __init__(
        self, configuration: str = PLAIN, *, persistence: bool = False, listener: bool = True, log_type: str = "all"
    ) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="broker-"))
        self.log = self.folder / "log"
        lines = [f"listener {self.port} 127.0.0.1"] if listener else []
        lines += [configuration, f"log_dest file {self.log}", f"log_type {log_type}"]
        if os.geteuid() == 0:
            lines.append("user root")  # otherwise it drops privileges and cannot read this folder
        if persistence:
            lines += ["persistence true", f"persistence_location {self.folder}/"]
        self.config = self.folder / "mosquitto.conf"
        self.config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None, "mosquitto does not run"
        return self._process.pid

    def start_if_ended(self) -> bool:
        """Start it again if it ended by itself. True if it had to be done."""
        if self._process is None or self._process.poll() is None:
            return False
        self.start()
        return True

    def endpoint(self, version: str = "5", keepalive_s: int = 20) -> BrokerEndpoint:
        """Endpoint for connections without TLS."""
        return BrokerEndpoint("127.0.0.1", self.port, "5" if version == "5" else "3.1.1", keepalive_s=keepalive_s)

    def start(self) -> None:
        """Start it and wait until it accepts TCP connections."""
        self._process = subprocess.Popen(
            [mosquitto(), "-c", str(self.config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(200):
            assert self._process.poll() is None, f"mosquitto ended: {self.log.read_text() if self.log.exists() else ''}"
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=0.2).close()
            except OSError:
                threading.Event().wait(0.02)
            else:
                return
        raise AssertionError("mosquitto does not answer")

    def kill(self) -> None:
        """End it as a power cut does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as systemd does."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(10)
            self._process = None

    def said(self) -> str:
        """Its log so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Listener:
    """A plain subscriber. `messages` has (topic, payload) in the order of arrival."""

    def __init__(self, endpoint: BrokerEndpoint, *filters: str, name: str = "listener") -> None:
        self.link = PahoConnection(endpoint, name)
        self.messages: list[tuple[str, bytes]] = []
        self._filters = filters
        self.link.open()
        self._subscribed = False
        for _ in range(100):
            self.look(0.1)
            if self._subscribed:
                return
        raise AssertionError("the broker does not grant the subscription")

    def look(self, wait_s: float = 0.0) -> list[tuple[str, bytes]]:
        """Receive new messages. Returns all messages so far."""
        for event in self.link.process(wait_s):
            if isinstance(event, Connected):
                self.link.subscribe(self._filters)
            elif isinstance(event, Subscribed):
                self._subscribed = True
            elif isinstance(event, IncomingMessage):
                self.messages.append((event.topic, event.payload))
                if event.qos:
                    self.link.acknowledge(event)
        return self.messages

    def payloads(self, topic: str) -> list[bytes]:
        """Payloads of one topic."""
        return [payload for where, payload in self.messages if where == topic]

    def close(self) -> None:
        self.link.close()


def publish(endpoint: BrokerEndpoint, message: OutgoingMessage, name: str = "publisher") -> None:
    """Connect, publish one message, wait for its acknowledgement, disconnect. Raises BrokerConnectionError."""
    connection = PahoConnection(endpoint, name)
    connection.open()
    try:
        token: int | None = None
        for _ in range(100):
            for event in connection.process(0.1):
                if isinstance(event, Connected):
                    token = connection.publish(message)
                elif isinstance(event, Acknowledged) and event.token == token:
                    return
        raise BrokerConnectionError("no acknowledgement")
    finally:
        connection.close()
