"""Serving the enrolment service."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from mqtt.centre.enrolment.service import EnrolmentService
from web_ui.centre.est.app import create_est_app
from web_ui.server.serve import open_port, serve_app


@dataclass(frozen=True, slots=True)
class EstSettings:
    """What to serve, and where to listen."""

    database: str
    pki_folder: Path
    """ca.pem, ca.key and crl.pem of the authority."""
    certificate_path: Path
    key_path: Path | None = None
    host: str = "0.0.0.0"  # noqa: S104  kiosks come from other machines
    port: int = 8446


class _Idle:
    """Nothing keeps figures current here."""

    def __init__(self) -> None:
        self._stop = threading.Event()

    def run(self) -> None:
        """Until `close`."""
        self._stop.wait()

    def close(self) -> None:
        """End `run`."""
        self._stop.set()


def run_est_server(settings: EstSettings, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; main thread only. The tables must exist. Raises PkiError and WebServerError."""
    service = EnrolmentService(settings.database, settings.pki_folder)
    listener = open_port(settings.host, settings.port)
    serve_app(
        create_est_app(service),
        _Idle(),
        listener,
        settings,
        lambda address: announce(f"enrolment: {address}"),
        client_authority=service.authority_certificate.public_bytes(Encoding.PEM),
    )
