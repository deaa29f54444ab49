"""Serving the pages of the centre."""

from collections.abc import Callable, Iterator

from mqtt.centre.accounts.accounts import read_accounts
from mqtt.centre.ingest.database import open_query
from web_ui.centre.app import create_app
from web_ui.centre.settings import CentreWebSettings
from web_ui.server.connection_limits import ConnectionLimits
from web_ui.server.serve import open_port, serve_app

LIMITS = ConnectionLimits(total=288, per_address=256)
"""Browsers keep a connection open between two requests, and each reader of a live page asks every ten seconds.

All people of an office are one address behind its router, and all people are one behind a proxy. With TLS a connection needs three
file descriptors, and waitress uses select(2), which takes 1024.
"""


def run_centre_server(settings: CentreWebSettings, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; main thread only. The tables must exist. Raises WebServerError and LedgerError.

    `announce` gets the line `centre web: ADDRESS` once the port is open, and what the operator must know.
    """
    listener = open_port(settings.host, settings.port)
    app, refresher = create_app(settings)

    def tell(address: str) -> None:
        for line in _startup_lines(settings, address):
            announce(line)

    serve_app(app, refresher, listener, settings, tell, limits=LIMITS)


def _startup_lines(settings: CentreWebSettings, address: str) -> Iterator[str]:
    yield f"centre web: {address}"
    with open_query(settings.database) as query:
        if not read_accounts(query):
            yield "There is no account yet. Import the areas, then add one: kiosk centre account add NAME --role admin:CODE"
    if not settings.certificate_path and settings.host not in {"localhost", "127.0.0.1", "::1"}:
        yield "The pages are open to the network without TLS: passwords can be read on the way. Use --certificate."
