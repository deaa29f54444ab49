"""Raw QR text dies in the verifier: the whole product plays its queue, and nobody is found in anything that it left or said."""

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
    """Everything that the broker passes on, topics and payloads."""
    heard: list[bytes] = []
    ready = threading.Event()
    ear = paho.mqtt.client.Client(CallbackAPIVersion.VERSION2)
    ear.on_message = lambda _client, _userdata, message: heard.append(message.topic.encode() + b" " + message.payload)
    ear.on_subscribe = lambda *_: ready.set()
    ear.connect("127.0.0.1", port)
    ear.subscribe("#", qos=1)
    ear.loop_start()
    assert ready.wait(10)
    try:
        yield heard
    finally:
        ear.disconnect()
        ear.loop_stop()


def left_behind(folder: Path) -> dict[str, bytes]:
    """Every file in the premises as it lies there now: databases, WAL, logs, status."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            try:
                found[str(path.relative_to(folder))] = path.read_bytes()
            except FileNotFoundError:
                continue  # a draft that has taken its place meanwhile
    return found


def fetched(address: str) -> bytes:
    """A page as a browser gets it, refusals as well."""
    try:
        with urllib.request.urlopen(address, timeout=10) as page:  # noqa: S310  our own page on loopback
            found = page.read()
    except urllib.error.HTTPError as refused:
        found = refused.read()
    assert isinstance(found, bytes)
    return found


def opened_by_the_centre(premises: Sandbox) -> str:
    """What the records say to whoever holds the centre's private key."""
    key = load_pem_private_key((premises.folder / "centre-private.pem").read_bytes(), None)
    assert isinstance(key, X25519PrivateKey)
    with closing(sqlite3.connect(premises.database)) as database:
        rows = database.execute("SELECT id, sealed FROM event WHERE length(sealed) > 0").fetchall()
    return repr([unseal_subject(key, sealed, UUID(bytes=passage_id)) for passage_id, sealed in rows])


def test_nobody_is_found_in_database_wal_log_wire_status_or_page() -> None:
    with temporary_sandbox() as premises:
        needles = forbidden(premises.samples.samples)
        demonstration = Demo(premises, fast_timing(60.0), loop=False, window_s=1.0)
        seen: dict[str, bytes] = {}
        with demonstration, listening(demonstration._port) as heard:
            demonstration.run_once()
            seen |= {f"page {path}": fetched(demonstration.page_url.rstrip("/") + path) for path in PAGES}
            seen |= {f"running: {name}": data for name, data in left_behind(premises.folder).items()}
        seen |= {f"ended: {name}": data for name, data in left_behind(premises.folder).items()}
        seen["wire"] = b"\n".join(heard)
        assert {place: leaks(data, needles) for place, data in seen.items() if leaks(data, needles)} == {}
        assert any(name.endswith("-wal") and data for name, data in seen.items()), "the WAL was looked into"
        assert len(heard) > 10
        assert b"passage" in seen["wire"]
        told = opened_by_the_centre(premises)
        who = premises.samples["id-card"].person
        assert who is not None
        assert who.name in told, "and the centre, with its key, finds whom it has to"
        assert who.document_number in told
