"""Serving the application with waitress, from the first open port to a clean end."""

import errno
import ipaddress
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from waitress.server import create_server

from kiosk.ports import KioskError
from web_ui import fences
from web_ui.accounts import Accounts
from web_ui.app import create_app
from web_ui.channel import ImpatientChannel, drop_dead_peers
from web_ui.live import MAX_STREAMS
from web_ui.settings import PageSettings

ANYWHERE = {"", "::", str(ipaddress.IPv4Address(0))}
REQUEST_THREADS = 6
"""For everything that is not a stream; a stream holds a thread of its own."""
MAX_UNSENT_BYTES = 256 * 1024
"""What a slow browser may leave unsent before its stream waits."""


class PageTrouble(KioskError):
    """The page cannot be served."""


def listen(host: str, port: int) -> socket.socket:
    """Open the port. Raises PageTrouble with a sentence that says what to do."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as trouble:
        if trouble.errno == errno.EADDRINUSE:
            hint = f"port {port} is in use by another program; choose another with page.port or --port, or 0 for a free one"
        elif trouble.errno == errno.EACCES:
            hint = (
                f"port {port} needs rights that this user does not have; choose one above 1023 with page.port or --port"
            )
        else:
            hint = (
                f"cannot listen there: {trouble.strerror or trouble}; choose another address with page.host or --host"
            )
        raise PageTrouble(f"The page on {host}: {hint}.") from trouble


def address_of(listener: socket.socket, host: str) -> str:
    """The page's address as a person types it."""
    loopback = {"": "127.0.0.1", str(ipaddress.IPv4Address(0)): "127.0.0.1", "::": "[::1]"}
    shown = loopback.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{listener.getsockname()[1]}/"


def notices(settings: PageSettings, address: str) -> Iterator[str]:
    """What somebody who starts the page must know. Raises AccountTrouble."""
    folder = settings.state_dir
    if folder and folder.is_dir() and not Accounts(folder).has_admin:
        code = Accounts(folder).make_code()
        yield f"There is no administrator yet. Open {address}setup with the code {code}, or run: kiosk web setup"
    if not address.startswith(("http://127.", "http://[::1]")) or settings.host in ANYWHERE:
        yield "The page is open to the LAN without TLS: passwords can be read on the way. See docs/pages.md."


def serve(settings: PageSettings, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; main thread only. Raises PageTrouble, and AccountTrouble.

    `announce` gets the line `page: ADDRESS` once the port is open, and what else somebody must know.
    """
    listener = listen(settings.host, settings.port)
    drop_dead_peers(listener)
    app, live = create_app(settings)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    server = create_server(
        app,
        sockets=[listener],
        threads=MAX_STREAMS + REQUEST_THREADS,
        connection_limit=MAX_STREAMS * 2,
        max_request_body_size=fences.MAX_BODY_BYTES,
        max_request_header_size=fences.MAX_HEADER_BYTES,
        outbuf_high_watermark=MAX_UNSENT_BYTES,
        outbuf_overflow=MAX_UNSENT_BYTES * 2,
        channel_timeout=30,
        ident=None,
    )

    server.channel_class = ImpatientChannel

    def stop(_number: int, _frame: FrameType | None) -> None:
        live.close()  # first, or waitress waits for the streams; this thread never holds its lock
        raise SystemExit(0)  # waitress ends its loop on it

    follower = threading.Thread(target=live.run, name="live")
    old = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    follower.start()
    try:
        address = address_of(listener, settings.host)
        announce(f"page: {address}")
        for line in notices(settings, address):
            announce(line)
        server.run()
    finally:
        live.close()
        server.close()
        follower.join()
        for number, handler in old.items():
            signal.signal(number, handler)
