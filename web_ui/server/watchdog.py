"""Tells systemd that the page lives: ready once it has answered its own question over its own port, then again and again.

The question goes the way a browser's does, TLS included, so that a page whose threads all hang is found out and started anew.
"""

import logging
import socket
import threading

from kiosk.system.systemd import SystemdNotifier

RESPONSE_TIMEOUT_S = 5.0
"""A page that takes longer for its shortest answer does not live."""
RETRY_S = 1.0
_REQUEST = b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n"

_log = logging.getLogger(__name__)


class WatchdogPinger:
    """`run` belongs to a thread of its own, `close` to any."""

    def __init__(
        self,
        address: tuple[str, int],
        notifier: SystemdNotifier,
        *,
        secure: bool,
        timeout_s: float = RESPONSE_TIMEOUT_S,
    ) -> None:
        """`address`: where the page listens; any address of this machine is asked on loopback."""
        host, port = address
        self._address = ({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port)  # noqa: S104  asked, not listened on
        self._notifier = notifier
        self._secure = secure
        self._timeout_s = timeout_s
        self._closed = threading.Event()

    def run(self) -> None:
        """Until `close`; at once over where no systemd listens."""
        beat_s = (self._notifier.watchdog_timeout_s or 0.0) / 3
        ready = told = False
        pause_s = 0.0
        while self._notifier.is_enabled and not self._closed.wait(pause_s):
            lives = self.is_responding()
            if lives and not ready:
                ready = self._notifier.notify_ready("the page answers")
            if lives:
                self._notifier.ping_watchdog()
            elif not told:
                _log.error(
                    "the page does not answer within %g s; systemd starts it anew if this lasts", self._timeout_s
                )
            told = not lives
            pause_s = beat_s if lives else RETRY_S
            if ready and not beat_s:
                return

    def is_responding(self) -> bool:
        """Ask once."""
        try:
            with socket.create_connection(self._address, timeout=self._timeout_s) as plain:
                if not self._secure:
                    return _request_health(plain)
                with _wrap_tls(plain) as line:
                    return _request_health(line)
        except OSError:
            return False

    def close(self) -> None:
        """End `run`."""
        self._closed.set()


def _request_health(connection: socket.socket) -> bool:
    connection.sendall(_REQUEST)
    return connection.recv(64).split()[1:2] == [b"200"]


def _wrap_tls(plain: socket.socket) -> socket.socket:
    import ssl  # noqa: PLC0415  # the page on loopback does without

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it is ourselves that we ask
    return context.wrap_socket(plain)
