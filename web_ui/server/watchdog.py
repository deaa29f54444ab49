"""Pings the watchdog of systemd while the web server responds to a request of its own over its own port.

The request takes the way of a browser, TLS included. So systemd restarts a server whose threads all hang.
"""

import logging
import socket
import threading

from kiosk.system.systemd import SystemdNotifier

RESPONSE_TIMEOUT_S = 5.0
"""A server that needs longer for its shortest response counts as hung."""
RETRY_S = 1.0
_REQUEST = b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n"

_log = logging.getLogger(__name__)


class WatchdogPinger:
    """`run` has a thread of its own. `close`: any thread."""

    def __init__(
        self,
        address: tuple[str, int],
        notifier: SystemdNotifier,
        *,
        secure: bool,
        timeout_s: float = RESPONSE_TIMEOUT_S,
    ) -> None:
        """`address`: where the server listens. An address for all interfaces is requested on loopback."""
        host, port = address
        self._address = ({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port)  # noqa: S104  requested, not listened on
        self._notifier = notifier
        self._secure = secure
        self._timeout_s = timeout_s
        self._closed = threading.Event()

    def run(self) -> None:
        """Until `close`. Returns at once if there is no systemd."""
        beat_s = (self._notifier.watchdog_timeout_s or 0.0) / 3
        ready = logged = False
        pause_s = 0.0
        while self._notifier.is_enabled and not self._closed.wait(pause_s):
            lives = self.is_responding()
            if lives and not ready:
                ready = self._notifier.notify_ready("the web server responds")
            if lives:
                self._notifier.ping_watchdog()
            elif not logged:
                _log.error(
                    "the web server does not respond within %g s; systemd restarts it if this continues",
                    self._timeout_s,
                )
            logged = not lives
            pause_s = beat_s if lives else RETRY_S
            if ready and not beat_s:
                return

    def is_responding(self) -> bool:
        """Send one request."""
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
    import ssl  # noqa: PLC0415  # not needed on loopback

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the server is this process
    return context.wrap_socket(plain)
