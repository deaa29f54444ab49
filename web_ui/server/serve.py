"""Serving the application with waitress, from the first open port to a clean end."""

import errno
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any, Protocol
from wsgiref.types import WSGIApplication

from waitress.server import create_server

from kiosk.system.logs import LogBuffer
from kiosk.system.machine_identity import page_url
from kiosk.system.systemd import SystemdNotifier
from web_ui.auth.accounts import AccountError, Accounts
from web_ui.kiosk.app import create_app
from web_ui.server import security_headers
from web_ui.server.connection_limits import ConnectionLimits, CountLimitedChannel, TimeLimitedChannel, set_peer_timeout
from web_ui.server.server_sent_events import MAX_STREAMS
from web_ui.server.watchdog import WatchdogPinger
from web_ui.settings import WebServerError, WebSettings

REQUEST_THREADS = 6
"""For all requests that are not streams. Each stream has a thread of its own."""
DEFAULT_LIMITS = ConnectionLimits(total=MAX_STREAMS * 2)
MAX_UNSENT_BYTES = 256 * 1024
"""Bytes that a slow browser may leave unsent before its stream waits."""


def open_port(host: str, port: int) -> socket.socket:
    """Open the port: `::` for IPv4 and IPv6. Raises WebServerError with a message that says what to do."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        both = host == "::" and family == socket.AF_INET6 and socket.has_dualstack_ipv6()
        return socket.create_server((host, port), family=family, backlog=128, dualstack_ipv6=both)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            hint = (
                f"port {port} is in use by another program; choose another with web.port or --port, or 0 for a free one"
            )
        elif error.errno == errno.EACCES:
            hint = (
                f"port {port} needs rights that this user does not have; choose one above 1023 with web.port or --port"
            )
        else:
            hint = f"cannot listen there: {error.strerror or error}; choose another address with web.host or --host"
        raise WebServerError(f"The page on {host}: {hint}.") from error


def startup_notices(settings: WebSettings, address: str) -> Iterator[str]:
    """What the operator must know at the start."""
    folder = settings.state_dir
    try:
        if folder and folder.is_dir() and not Accounts(folder).has_admin:
            code = Accounts(folder).make_setup_code()
            yield f"There is no administrator yet. Open {address}setup with the code {code}, or run: kiosk web setup"
    except AccountError as error:  # the pages without a login are served all the same
        yield f"No login is possible. {error}."
    if not settings.certificate_path and not _on_loopback(settings.host):
        yield "The page is open to the LAN without TLS: passwords can be read on the way. Run: kiosk web certificate"


def _on_loopback(host: str) -> bool:
    return host == "localhost" or host.startswith("127.") or host == "::1"


def make_server(
    app: WSGIApplication, listener: socket.socket, *, secure: bool, limits: ConnectionLimits = DEFAULT_LIMITS
) -> Any:
    """Waitress on that port, with bounds on everything. `secure`: TLS ends in front of it, which counts connections itself."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    server = create_server(
        app,
        sockets=[listener],
        threads=MAX_STREAMS + REQUEST_THREADS,
        connection_limit=limits.total,
        max_request_body_size=security_headers.MAX_BODY_BYTES,
        max_request_header_size=security_headers.MAX_HEADER_BYTES,
        outbuf_high_watermark=MAX_UNSENT_BYTES,
        outbuf_overflow=MAX_UNSENT_BYTES * 2,
        channel_timeout=30,
        url_scheme="https" if secure else "http",
        ident=None,
    )
    server.connections_per_address = limits.per_address
    server.channel_class = TimeLimitedChannel if secure else CountLimitedChannel
    return server


class LiveSource(Protocol):
    """What keeps the pages current. `run` has a thread of its own. `close` ends it: any thread."""

    def run(self) -> None:
        """Until `close`."""

    def close(self) -> None:
        """End `run`."""


class ServerSettings(Protocol):
    """Where to listen."""

    @property
    def host(self) -> str:
        """Address to listen on."""

    @property
    def port(self) -> int:
        """0: any free port."""

    @property
    def certificate_path(self) -> Path | None:
        """With it, the pages are served over TLS."""

    @property
    def key_path(self) -> Path | None:
        """None: the key is in the file of the certificate."""


def run_server(settings: WebSettings, announce: Callable[[str], None], log_buffer: LogBuffer | None = None) -> None:
    """Serve the kiosk's pages until SIGTERM or Ctrl-C; main thread only. Raises WebServerError.

    `announce` gets the line `web: ADDRESS` once the port is open, and the startup notices. `log_buffer` keeps the log lines of
    this process.
    """
    listener = open_port(settings.host, settings.port)
    app, live = create_app(settings, log_buffer)
    serve_app(app, live, listener, settings, lambda address: _announce_all(announce, settings, address))


def _announce_all(announce: Callable[[str], None], settings: WebSettings, address: str) -> None:
    for line in (f"web: {address}", *startup_notices(settings, address)):
        announce(line)


def serve_app(
    app: WSGIApplication,
    live: LiveSource,
    listener: socket.socket,
    settings: ServerSettings,
    announce: Callable[[str], None],
    *,
    limits: ConnectionLimits = DEFAULT_LIMITS,
    client_authority: bytes | None = None,
) -> None:
    """Serve an application on an open port until SIGTERM or Ctrl-C; main thread only. Raises WebServerError.

    `announce` gets the address of the pages. `client_authority`: see `tls.make_server_context`.
    """
    secure = settings.certificate_path is not None
    set_peer_timeout(listener)
    with ExitStack() as exit_stack:
        around, inner = (
            _behind_tls(settings, listener, app, exit_stack, client_authority=client_authority, limits=limits)
            if secure
            else (app, listener)
        )
        server = make_server(around, inner, secure=secure, limits=limits)
        exit_stack.callback(server.close)

        def stop(_number: int, _frame: FrameType | None) -> None:
            live.close()  # first, or waitress waits for the streams; this thread never holds its lock
            raise SystemExit(0)  # waitress ends its loop on it

        for number in (signal.SIGTERM, signal.SIGINT):
            exit_stack.callback(signal.signal, number, signal.signal(number, stop))
        _start_thread(exit_stack, "live", live.run, live.close)
        watchdog = WatchdogPinger(listener.getsockname()[:2], SystemdNotifier(), secure=secure)
        _start_thread(exit_stack, "watchdog", watchdog.run, watchdog.close)
        announce(page_url(settings.host, listener.getsockname()[1], secure=secure))
        server.run()


def _behind_tls(
    settings: ServerSettings,
    listener: socket.socket,
    app: WSGIApplication,
    exit_stack: ExitStack,
    *,
    client_authority: bytes | None,
    limits: ConnectionLimits,
) -> tuple[WSGIApplication, socket.socket]:
    """TLS on `listener`. Returns the application and the port behind it. Raises WebServerError."""
    from web_ui.server import tls  # noqa: PLC0415  # asyncio and cryptography need 10 MB, and loopback needs neither

    assert settings.certificate_path
    context = tls.make_server_context(settings.certificate_path, settings.key_path, client_authority)
    inner = open_port("127.0.0.1", 0)
    front = tls.TlsProxy(listener, context, inner.getsockname()[1], limits)
    _start_thread(exit_stack, "tls", front.run, front.close)
    return front.wrap_app(app), inner


def _start_thread(exit_stack: ExitStack, name: str, run: Callable[[], None], close: Callable[[], None]) -> None:
    """Run until `exit_stack` ends. Then close, and wait for the thread."""
    thread = threading.Thread(target=run, name=name)
    thread.start()
    exit_stack.callback(thread.join)
    exit_stack.callback(close)
