"""Reads a file by HTTPS from a byte on, with the certificate of this device. Only the authority of the broker is trusted."""

import http.client
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from kiosk.delivery.remote.list_download import DownloadAnswer, DownloadError

TIMEOUT_S = 20.0
CHUNK_BYTES = 64 * 1024


class HttpsFetch:
    """Any thread. Each call is a connection of its own."""

    def __init__(self, authority: Path, certificate: Path | None, key: Path | None) -> None:
        self._authority, self._certificate, self._key = authority, certificate, key

    @contextmanager
    def __call__(self, url: str, first_byte: int) -> Iterator[DownloadAnswer]:
        """See Fetch."""
        address = urlsplit(url)
        try:
            port = address.port or 443
            context = self._context()
        except (OSError, ValueError) as error:
            raise DownloadError(f"cannot be asked for: {error}") from error
        connection = http.client.HTTPSConnection(address.hostname or "", port, timeout=TIMEOUT_S, context=context)
        headers = {"Range": f"bytes={first_byte}-"} if first_byte else {}
        with closing(connection):
            try:
                connection.request("GET", f"{address.path or '/'}", headers=headers)
                answer = connection.getresponse()
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise DownloadError(f"{type(error).__name__}: {error}") from error
            yield DownloadAnswer(_first_byte(answer), _chunks(answer))

    def _context(self) -> ssl.SSLContext:
        """Raises OSError, which ssl.SSLError is too."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(self._authority)
        if self._certificate is not None:
            context.load_cert_chain(self._certificate, self._key)
        return context


def _first_byte(answer: http.client.HTTPResponse) -> int:
    """Raises DownloadError for an answer that is no file."""
    if answer.status == http.HTTPStatus.OK:
        return 0
    if answer.status != http.HTTPStatus.PARTIAL_CONTENT:
        raise DownloadError(f"the server answers with HTTP {answer.status}")
    unit, _, place = answer.headers.get("Content-Range", "").partition(" ")
    first = place.partition("-")[0]
    if unit != "bytes" or not (first.isascii() and first.isdecimal()):
        raise DownloadError("the server does not say which part it sends")
    return int(first)


def _chunks(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    """Raises DownloadError. Where the connection ends early, no error comes, and the caller sees it by the length."""
    while True:
        try:
            chunk = answer.read1(CHUNK_BYTES)
        except http.client.IncompleteRead:
            return
        except (OSError, http.client.HTTPException) as error:
            raise DownloadError(f"{type(error).__name__}: {error}") from error
        if not chunk:
            return
        yield chunk
