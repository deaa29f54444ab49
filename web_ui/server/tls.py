"""TLS in front of waitress, which speaks plain HTTP: a proxy that ends TLS and forwards the bytes over loopback.

It also counts connections, and maps each of its own ports to a browser. So the application gets the address of the browser
without a header that the browser could forge.
"""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from kiosk.system import atomic_files
from mqtt.broker import certificates
from mqtt.tls import TlsFileError, load_certificate
from web_ui.server.connection_limits import MAX_CONNECTIONS_PER_ADDRESS
from web_ui.settings import WebServerError

HANDSHAKE_TIMEOUT_S = 5.0
CHUNK_BYTES = 64 * 1024
MAX_CONNECTIONS = 128
CERTIFICATE_VALID_DAYS = 825  # the maximum that Apple's browsers accept (support.apple.com/103769)


def make_server_context(certificate_path: Path, key_path: Path | None) -> ssl.SSLContext:
    """TLS context of the server. Never asks for a password. Raises WebServerError."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        load_certificate(made, certificate_path, key_path)
    except TlsFileError as error:
        raise WebServerError(f"The certificate of the pages cannot be used. {error}") from error
    return made


class TlsProxy:
    """One listening port with TLS. `run` has a thread of its own. `close`: any thread."""

    def __init__(self, listener: socket.socket, tls: ssl.SSLContext, inner_port: int) -> None:
        self._listener = listener
        self._tls = tls
        self._inner_port = inner_port
        self._client_addresses: dict[int, str] = {}
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()

    def run(self) -> None:
        """Serve until `close`."""
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    def close(self) -> None:
        """End `run`."""
        self._loop.call_soon_threadsafe(self._stop.set)

    def wrap_app(self, app: WSGIApplication) -> WSGIApplication:
        """The application with the address of the browser instead of the proxy's."""

        def with_client_address(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            environ["REMOTE_ADDR"] = self._client_addresses.get(int(environ.get("REMOTE_PORT", 0)), "")
            return app(environ, start_response)

        return with_client_address

    async def _serve(self) -> None:
        server = await asyncio.start_server(
            self._proxy_connection, sock=self._listener, ssl=self._tls, ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S
        )
        await self._stop.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _proxy_connection(self, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        address = str(client_writer.get_extra_info("peername")[0])
        if (
            len(self._client_addresses) >= MAX_CONNECTIONS
            or Counter(self._client_addresses.values())[address] >= MAX_CONNECTIONS_PER_ADDRESS
        ):
            client_writer.close()
            return
        page, requests = await asyncio.open_connection("127.0.0.1", self._inner_port)
        port = int(requests.get_extra_info("sockname")[1])
        self._client_addresses[port] = address
        pumps = [
            asyncio.ensure_future(_copy_stream(client_reader, requests)),
            asyncio.ensure_future(_copy_stream(page, client_writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._client_addresses[port]
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            requests.close()
            client_writer.close()


async def _copy_stream(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Copy bytes until one side ends. A slow sink slows its source."""
    try:
        while data := await source.read(CHUNK_BYTES):
            sink.write(data)
            await sink.drain()
    except (OSError, ssl.SSLError):
        return


def make_self_signed_certificate(path: Path, names: Sequence[str]) -> str:
    """Write a key and a self-signed certificate for this machine, mode 0600. Returns its fingerprint. Raises WebServerError."""
    host = socket.gethostname()
    hosts = dict.fromkeys(("localhost", host, f"{host.split('.')[0]}.local", "127.0.0.1", "::1", *names))
    pem, fingerprint = certificates.make_self_signed(host[:64], tuple(hosts), datetime.now(UTC), CERTIFICATE_VALID_DAYS)
    try:
        atomic_files.write_file(path, pem, mode=0o600, owner_of_folder=True)
    except OSError as error:
        raise WebServerError(f"{path} cannot be written: {error.strerror}; choose another place with --out.") from error
    return fingerprint
