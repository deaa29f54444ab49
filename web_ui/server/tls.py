"""TLS in front of the page: waitress speaks plain HTTP, so this ends TLS and hands the bytes on over loopback.

It also counts connections, and remembers which of its own ports stands for which browser, so that the application sees the
browser's address and no header of the browser's own making is believed.
"""

import asyncio
import ipaddress
import os
import socket
import ssl
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from web_ui.server.connection_limits import MAX_OF_ONE
from web_ui.settings import PageTrouble

HANDSHAKE_S = 5.0
CHUNK_BYTES = 64 * 1024
MAX_CONNECTIONS = 128
VALID_DAYS = 825  # the longest that Apple's browsers take, of whatever issuer (support.apple.com/103769)


def context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """What to shake hands with. Raises PageTrouble."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_cert_chain(certificate, key)
    except OSError as trouble:  # SSLError is one
        raise PageTrouble(
            f"The certificate {certificate} (key {key or 'in it'}) cannot be used: {trouble}."
        ) from trouble
    return made


class Front:
    """One listening port with TLS; `run` belongs to a thread of its own, `close` to any."""

    def __init__(self, listener: socket.socket, tls: ssl.SSLContext, inner_port: int) -> None:
        self._listener = listener
        self._tls = tls
        self._inner_port = inner_port
        self._browsers: dict[int, str] = {}
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

    def around(self, app: WSGIApplication) -> WSGIApplication:
        """The application, told the browser's address instead of ours."""

        def told(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            environ["REMOTE_ADDR"] = self._browsers.get(int(environ.get("REMOTE_PORT", 0)), "")
            return app(environ, start_response)

        return told

    async def _serve(self) -> None:
        server = await asyncio.start_server(
            self._connected, sock=self._listener, ssl=self._tls, ssl_handshake_timeout=HANDSHAKE_S
        )
        await self._stop.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _connected(self, browser: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        address = str(answers.get_extra_info("peername")[0])
        if len(self._browsers) >= MAX_CONNECTIONS or Counter(self._browsers.values())[address] >= MAX_OF_ONE:
            answers.close()
            return
        page, requests = await asyncio.open_connection("127.0.0.1", self._inner_port)
        port = int(requests.get_extra_info("sockname")[1])
        self._browsers[port] = address
        pumps = [asyncio.ensure_future(_pump(browser, requests)), asyncio.ensure_future(_pump(page, answers))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._browsers[port]
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            requests.close()
            answers.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Hand bytes on until one side ends; a slow sink slows its source."""
    try:
        while data := await source.read(CHUNK_BYTES):
            sink.write(data)
            await sink.drain()
    except (OSError, ssl.SSLError):
        return


def make_certificate(path: Path, names: Sequence[str]) -> str:
    """Write a key and a self-signed certificate for this machine's names, mode 0600; its fingerprint. Raises PageTrouble."""
    key = ec.generate_private_key(ec.SECP256R1())
    host = socket.gethostname()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
    wanted = dict.fromkeys(("localhost", host, f"{host.split('.')[0]}.local", "127.0.0.1", "::1", *names))
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # the phone's clock may be behind
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([_name(name) for name in wanted]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(private + made.public_bytes(Encoding.PEM))
            folder: Any = path.parent.stat()
            if os.geteuid() == 0:  # the page's own user reads it
                os.fchown(file.fileno(), folder.st_uid, folder.st_gid)
    except OSError as trouble:
        raise PageTrouble(
            f"{path} cannot be written: {trouble.strerror}; choose another place with --out."
        ) from trouble
    return made.fingerprint(hashes.SHA256()).hex(":")


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
