"""Raw QR text is never stored, logged or sent: after the whole demo, no file, message or page has personal data."""

import sqlite3
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import UUID

import paho.mqtt.client
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from paho.mqtt.enums import CallbackAPIVersion

from kiosk.simulation.demo import Demo
from kiosk.simulation.sandbox import Sandbox, temporary_sandbox
from kiosk.simulation.visitors import fast_timing
from mqtt.sealing import unseal_subject
from tests.fakes.data.people import forbidden, leaks

PAGES = (
    "/",
    "/guard",
    "/healthz",
    "/readyz",
    "/api/v1/status",
    "/live/status/parts",
    "/live/guard/parts",
    "/events",
    "/settings",
)


@contextmanager
def listening(port: int) -> Iterator[list[bytes]]:
    """All messages of the broker, topic and payload."""
    messages: list[bytes] = []
    ready = threading.Event()
    client = paho.mqtt.client.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _userdata, message: messages.append(
        message.topic.encode() + b" " + message.payload
    )
    client.on_subscribe = lambda *_: ready.set()
    client.connect("127.0.0.1", port)
    client.subscribe("#", qos=1)
    client.loop_start()
    assert ready.wait(10)
    try:
        yield messages
    finally:
        client.disconnect()
        client.loop_stop()


def left_behind(folder: Path) -> dict[str, bytes]:
    """Content of all files of the sandbox: databases, WAL, logs, status."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            try:
                found[str(path.relative_to(folder))] = path.read_bytes()
            except FileNotFoundError:
                continue  # a temporary file that was renamed meanwhile
    return found


def fetched(address: str) -> bytes:
    """A page as a browser gets it, also with an error status."""
    try:
        with urllib.request.urlopen(address, timeout=10) as page:  # noqa: S310  our server on loopback
            found = page.read()
    except urllib.error.HTTPError as error:
        found = error.read()
    assert isinstance(found, bytes)
    return found


def unseal_all(sandbox: Sandbox) -> str:
    """The subjects of all events, unsealed with the private key of the centre."""
    key = load_pem_private_key((sandbox.folder / "centre-private.pem").read_bytes(), None)
    assert isinstance(key, X25519PrivateKey)
    with closing(sqlite3.connect(sandbox.database)) as database:
        rows = database.execute("SELECT id, sealed FROM event WHERE length(sealed) > 0").fetchall()
    return repr([unseal_subject(key, sealed, UUID(bytes=passage_id)) for passage_id, sealed in rows])


def test_no_personal_data_is_in_database_wal_log_message_status_or_page() -> None:
    with temporary_sandbox() as sandbox:
        needles = forbidden(sandbox.samples.samples)
        demo = Demo(sandbox, fast_timing(60.0), loop=False, window_s=1.0)
        seen: dict[str, bytes] = {}
        with demo, listening(demo._port) as messages:
            demo.run_once()
            seen |= {f"page {path}": fetched(demo.page_url.rstrip("/") + path) for path in PAGES}
            seen |= {f"running: {name}": data for name, data in left_behind(sandbox.folder).items()}
        seen |= {f"ended: {name}": data for name, data in left_behind(sandbox.folder).items()}
        seen["wire"] = b"\n".join(messages)
        assert {source: leaks(data, needles) for source, data in seen.items() if leaks(data, needles)} == {}
        assert any(name.endswith("-wal") and data for name, data in seen.items()), "the WAL was checked"
        assert len(messages) > 10
        assert b"cong-1/event " in seen["wire"]
        unsealed = unseal_all(sandbox)
        person = sandbox.samples["id-card"].person
        assert person is not None
        assert person.name in unsealed, "the centre can unseal the names with its key"
        assert person.document_number in unsealed
