"""A proof of a rotating pass counts once at this device, also after a restart and with an unset clock."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from kiosk.core import rules
from kiosk.core.gate import Gate
from kiosk.core.model import ClockQuality, ClockReading, Direction, Reason, StoredEvent
from kiosk.core.reversal import LastAccessEvent
from kiosk.core.visits import VisitTracker
from kiosk.credentials.issuing import make_rotating_pass, sign_pass
from kiosk.storage import SqliteEventStore
from tests.fakes.data.entry_passes import HOLDER, HOLDER_RAW, SERIAL
from tests.fakes.data.people import NOW_AT, WORLD, moment
from tests.fakes.parts.gate import FRAME, Scene, make_gate

TOKEN = sign_pass(WORLD.issuer, SERIAL, NOW_AT, NOW_AT + timedelta(days=1), holder_key=HOLDER_RAW)


def proof(after_s: float) -> bytes:
    return make_rotating_pass(TOKEN, HOLDER, NOW_AT + timedelta(seconds=after_s))


class Device:
    """A gate over a database that outlives it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.scene = Scene()
        self.policy = rules.AccessPolicy()
        self.start(moment())

    def start(self, now: ClockReading) -> None:
        self.store = SqliteEventStore(self.path, boot_id="this boot")
        visits = VisitTracker(window_s=8)
        visits.restore(reversed(self.store.recent(100)), now, self.store.boot_id)
        self.gate: Gate = make_gate(self.scene, self.store, visits, LastAccessEvent(30, boot_id="boot"), self.policy)

    def restart(self, now: ClockReading) -> None:
        self.store.close()
        self.start(now)

    def show(self, code: bytes, now: ClockReading) -> StoredEvent | None:
        self.scene.codes, self.scene.now = (code,), now
        return self.gate.process_frame(FRAME).stored

    def reason(self, code: bytes, now: ClockReading) -> Reason | None:
        stored = self.show(code, now)
        return stored.event.reason if stored else None


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    made = Device(tmp_path / "events.db")
    yield made
    made.store.close()


def test_a_copy_is_refused_after_a_restart_within_its_minute(device: Device) -> None:
    assert device.reason(proof(0), moment(0)) is Reason.OK
    device.restart(moment(10))
    assert device.reason(proof(0), moment(20)) is Reason.REPLAYED
    assert device.reason(proof(30), moment(40)) is Reason.OK, "the holder leaves with a fresh proof"


def test_a_phone_ahead_of_time_gives_no_second_use_after_a_restart(device: Device) -> None:
    assert device.reason(proof(59), moment(0)) is Reason.OK
    device.restart(moment(1))
    assert device.reason(proof(59), moment(110)) is Reason.REPLAYED


def test_the_restart_during_a_visit_shows_no_second_light(device: Device) -> None:
    assert device.reason(proof(0), moment(0)) is Reason.OK
    device.restart(moment(2))
    assert device.show(proof(0), moment(3)) is None


def test_a_fresh_proof_is_the_same_person(device: Device) -> None:
    device.show(proof(0), moment(0))
    device.restart(moment(20))
    stored = device.show(proof(30), moment(30))
    assert stored is not None
    assert stored.event.direction is Direction.OUT


def test_the_proof_is_kept_as_a_keyed_hash_only(device: Device) -> None:
    stored = device.show(proof(0), moment(0))
    assert stored is not None
    assert [len(name) for name in (stored.event.pseudonym, *stored.event.aliases)] == [16, 16]
    device.store.close()
    content = device.path.read_bytes()
    assert SERIAL not in content
    assert SERIAL.hex().encode() not in content


def test_with_an_unset_clock_a_rotating_pass_is_refused_unless_the_site_allows_it(device: Device) -> None:
    unset = moment(jumped=timedelta(days=-20_000), quality=ClockQuality.UNSET)
    assert device.reason(proof(0), unset) is Reason.CLOCK_UNSET


def test_a_film_of_a_rotating_pass_passes_once_where_the_site_allows_an_unset_clock(device: Device) -> None:
    device.policy = rules.AccessPolicy(rotating_on_unset_clock="allow", direction="in")
    device.restart(moment())

    def unset(after_s: float) -> ClockReading:
        return moment(after_s, jumped=timedelta(days=-20_000), quality=ClockQuality.UNSET)

    film = [proof(step) for step in (0, 15, 30)]
    assert device.reason(film[2], unset(0)) is Reason.OK
    for step, after_s in enumerate((200, 400, 600)):
        assert device.reason(film[step], unset(after_s)) is Reason.REPLAYED
    device.restart(unset(700))
    assert device.reason(film[2], unset(800)) is Reason.REPLAYED
    assert device.reason(proof(45), unset(900)) is Reason.OK
