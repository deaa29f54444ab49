"""TLS in front of waitress, which speaks plain HTTP: a proxy that ends TLS and forwards the bytes over loopback.

It also counts connections, and maps each of its own ports to a browser. So the application gets the address of the browser
without a header that the browser could forge.
"""

import asyncio
import errno
import socket
import ssl
from collections import Counter
from collections.abc import Coroutine, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from kiosk.system import atomic_files
from kiosk.system.machine_identity import lan_address
from mqtt.broker import certificates
from mqtt.tls import TlsFileError, load_certificate
from web_ui.auth.login_throttle import client_network
from web_ui.server.connection_limits import ConnectionLimits
from web_ui.server.handshake_log import HandshakeFailureLog
from web_ui.settings import WebServerError

HANDSHAKE_TIMEOUT_S = 5.0
MAX_HANDSHAKES_PER_ADDRESS = 16
MAX_HANDSHAKES = 192
"""Beyond it, the oldest one of the address that has most of them ends."""
ACCEPT_RETRY_S = 0.5
"""After an accept that failed, because all file descriptors are in use."""
FLUSH_INTERVAL_S = 10.0
CHUNK_BYTES = 64 * 1024
DEFAULT_LIMITS = ConnectionLimits(total=128)
_TLS_FAILURES = {
    "HTTP_REQUEST": "plain HTTP on the port of TLS",
    "UNKNOWN_CA": "the browser does not trust the certificate",
    "CERTIFICATE": "the browser does not trust the certificate",
    "PROTOCOL": "the browser offers no TLS that is allowed",
    "NO_SHARED": "the browser offers no TLS that is allowed",
}
"""Parts of the reasons of OpenSSL, and what they mean."""
CERTIFICATE_VALID_DAYS = 825  # the maximum that Apple's browsers accept (support.apple.com/103769)


CLIENT_CERTIFICATE = "entrance.client_certificate"
"""Key of a WSGI environment: the verified certificate of the client, DER. Missing where the client shows none."""


def make_server_context(
    certificate_path: Path, key_path: Path | None, client_authority: bytes | None = None
) -> ssl.SSLContext:
    """TLS context of the server. Never asks for a password. Raises WebServerError.

    `client_authority`: a CA certificate, PEM. With it a client may show a certificate of that authority.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        load_certificate(made, certificate_path, key_path)
    except TlsFileError as error:
        raise WebServerError(f"The certificate of the pages cannot be used. {error}") from error
    if client_authority is not None:
        made.load_verify_locations(cadata=client_authority.decode("ascii"))
        made.verify_mode = ssl.CERT_OPTIONAL
    return made


class TlsProxy:
    """One listening port with TLS. `run` has a thread of its own. `close`: any thread."""

    def __init__(
        self, listener: socket.socket, tls: ssl.SSLContext, inner_port: int, limits: ConnectionLimits = DEFAULT_LIMITS
    ) -> None:
        self._listener = listener
        self._tls = tls
        self._inner_port = inner_port
        self._limits = limits
        self._client_addresses: dict[int, str] = {}
        self._client_certificates: dict[int, bytes] = {}
        self._failures = HandshakeFailureLog()
        self._handshakes: dict[asyncio.Task[None], str] = {}
        """In the order of their begin, each with the network of its client."""
        self._connections: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
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
        """The application with the address of the browser instead of the proxy's, and the certificate that it showed."""

        def with_client_address(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            port = int(environ.get("REMOTE_PORT", 0))
            environ["REMOTE_ADDR"] = self._client_addresses.get(port, "")
            if certificate := self._client_certificates.get(port):
                environ[CLIENT_CERTIFICATE] = certificate
            return app(environ, start_response)

        return with_client_address

    async def _serve(self) -> None:
        self._loop.set_exception_handler(self._on_loop_error)
        self._listener.setblocking(False)
        self._start(self._accept_connections())
        self._start(self._flush_log())
        await self._stop.wait()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _flush_log(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_INTERVAL_S)
            self._failures.flush()

    async def _accept_connections(self) -> None:
        """Count a connection before its handshake: a silent one costs a file descriptor too."""
        while True:
            try:
                connection, peer = await self._loop.sock_accept(self._listener)
            except OSError as error:
                self._failures.record(f"a connection could not be accepted: {error.strerror}", "")
                await asyncio.sleep(ACCEPT_RETRY_S)
                continue
            network = client_network(str(peer[0]))
            if self._is_full(network):
                self._failures.record("too many connections", network)
                connection.close()
                continue
            self._make_room()
            task = self._start(self._serve_connection(connection, str(peer[0])))
            self._handshakes[task] = network
            task.add_done_callback(lambda ended: self._handshakes.pop(ended, None))

    def _is_full(self, network: str) -> bool:
        handshakes = sum(1 for each in self._handshakes.values() if each == network)
        return (
            self._connections.total() >= self._limits.total
            or self._connections[network] >= self._limits.per_address
            or handshakes >= max(MAX_HANDSHAKES_PER_ADDRESS, self._limits.per_address // 2)
        )

    def _make_room(self) -> None:
        """End a handshake if there are too many, so that clients of other addresses get theirs."""
        if len(self._handshakes) < MAX_HANDSHAKES:
            return
        network, _ = Counter(self._handshakes.values()).most_common(1)[0]
        oldest = next(task for task, each in self._handshakes.items() if each == network)
        del self._handshakes[oldest]
        oldest.cancel()
        self._failures.record("too many handshakes", network)

    async def _serve_connection(self, connection: socket.socket, address: str) -> None:
        try:
            streams = await self._shake_hands(connection)
        except OSError as error:  # also those of ssl and timeouts
            self._failures.record(handshake_failure(error), address)
            return
        finally:
            task = asyncio.current_task()
            if task is not None:
                self._handshakes.pop(task, None)
        network = client_network(address)
        self._connections[network] += 1
        try:
            await self._forward(*streams, address)
        finally:
            self._connections[network] -= 1
            if not self._connections[network]:
                del self._connections[network]

    async def _shake_hands(self, connection: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The streams behind TLS. Raises OSError, and closes the connection then."""
        reader = asyncio.StreamReader(loop=self._loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=self._loop)
        try:
            transport, _ = await self._loop.connect_accepted_socket(
                lambda: protocol, connection, ssl=self._tls, ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S
            )
        except BaseException:
            connection.close()
            raise
        return reader, asyncio.StreamWriter(transport, protocol, reader, self._loop)

    async def _forward(
        self, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter, address: str
    ) -> None:
        try:
            page, requests = await asyncio.open_connection("127.0.0.1", self._inner_port)
        except OSError as error:
            self._failures.record(f"the page could not be reached: {error.strerror}", address)
            client_writer.close()
            return
        port = int(requests.get_extra_info("sockname")[1])
        self._client_addresses[port] = address
        tls = client_writer.get_extra_info("ssl_object")
        if certificate := tls and tls.getpeercert(binary_form=True):
            self._client_certificates[port] = certificate
        pumps = [
            asyncio.ensure_future(_copy_stream(client_reader, requests)),
            asyncio.ensure_future(_copy_stream(page, client_writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._client_addresses[port]
            self._client_certificates.pop(port, None)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            requests.close()
            client_writer.close()

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Errors of a connection are counted. Others are mistakes of ours, and keep their traceback."""
        error = context.get("exception")
        if isinstance(error, OSError):
            self._failures.record(handshake_failure(error), "")
        else:
            loop.default_exception_handler(context)


def handshake_failure(error: OSError) -> str:
    """Why a handshake failed, as one of a few texts."""
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "reason", None) or ""  # errors of Python itself have none
        return next((text for part, text in _TLS_FAILURES.items() if part in reason), "what arrived is not TLS")
    if isinstance(error, ConnectionAbortedError | TimeoutError):
        return f"no handshake within {HANDSHAKE_TIMEOUT_S:g} s"
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return "too many open files"
    return "closed before the end of the handshake"


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
    hosts |= dict.fromkeys(filter(None, [lan_address()]))
    pem, fingerprint = certificates.make_self_signed(host[:64], tuple(hosts), datetime.now(UTC), CERTIFICATE_VALID_DAYS)
    try:
        atomic_files.write_file(path, pem, mode=0o600, owner_of_folder=True)
    except OSError as error:
        raise WebServerError(f"{path} cannot be written: {error.strerror}; choose another place with --out.") from error
    return fingerprint
