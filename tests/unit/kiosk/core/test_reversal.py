"""Undo of the last access event: a new event, before the signal, once and within a time limit."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.core.gate import Gate
from kiosk.core.model import (
    ClockReading,
    DecodedCode,
    DecodeResult,
    DeviceState,
    Direction,
    ManualReason,
    Outcome,
    Reason,
    StoredEvent,
)
from kiosk.core.ports import StoreError
from kiosk.core.reversal import LastAccessEvent, UndoError, UndoRefusal
from kiosk.core.visits import VisitTracker
from kiosk.storage import SqliteEventStore
from tests.fakes.data.access_events import an_event, an_undo_event
from tests.fakes.data.people import WORLD, moment
from tests.fakes.parts.gate import FRAME, make_gate

BOOT = "boot-a"


class Killed(Exception):
    """Stands for the end of the process."""


@dataclass
class Life:
    """One run of a gate on a database that outlives it."""

    store: SqliteEventStore
    now: ClockReading = field(default_factory=moment)
    codes: tuple[bytes, ...] = ()
    lights: list[Outcome] = field(default_factory=list)
    dies_before_the_light: bool = False

    def __post_init__(self) -> None:
        self.visits = VisitTracker(window_s=8)
        self.last = LastAccessEvent(30, boot_id=self.store.boot_id)

    def wake(self, now: ClockReading) -> Gate:
        """Restore everything as at process start."""
        records = tuple(reversed(self.store.recent(100)))
        self.now = now
        self.visits.restore(records, now, self.store.boot_id)
        self.last.restore(records)
        return make_gate(self, self.store, self.visits, self.last)

    def decode(self, frame: object) -> DecodeResult:
        return DecodeResult(tuple(DecodedCode(code, "scene") for code in self.codes))

    def show(self, outcome: Outcome) -> None:
        if self.dies_before_the_light:
            raise Killed
        self.lights.append(outcome)

    def set_idle_state(self, state: DeviceState) -> None:
        raise AssertionError(state)

    def close(self) -> None:
        raise AssertionError

    def inside(self) -> int:
        return self.visits.occupancy(self.now)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteEventStore]:
    with closing(SqliteEventStore(tmp_path / "p.db", boot_id=BOOT)) as opened:
        yield opened


def shows(life: Life, gate: Gate, label: str, at_s: float) -> StoredEvent | None:
    life.codes, life.now = ((WORLD[label].data,) if label else ()), moment(at_s)
    return gate.process_frame(FRAME).stored


def refusal(gate: Gate, seq: int | None = None) -> UndoRefusal:
    with pytest.raises(UndoError) as refused:
        gate.undo(ManualReason.TURNED_BACK, seq)
    return refused.value.refusal


def test_an_undo_is_a_new_event_that_leaves_the_old_one_unchanged(store: SqliteEventStore) -> None:
    life = Life(store)
    gate = life.wake(moment())
    passed = shows(life, gate, "valid", 0)
    assert passed is not None
    life.now = moment(10)
    done = gate.undo(ManualReason.TURNED_BACK)
    undo = done.annulment.event
    assert (done.annulment.seq, done.annulled) == (2, passed)
    assert (undo.annuls, undo.manual_reason) == (passed.event.id, ManualReason.TURNED_BACK)
    assert (undo.outcome, undo.reason, undo.direction) == (Outcome.CHECK_AGAIN, Reason.ANNULLED, Direction.IN)
    assert (undo.pseudonym, undo.sealed, undo.kind, undo.code_bytes) == (b"", b"", None, 0), "it names no person"
    assert [one.event for one in store.recent(9)] == [undo, passed.event]
    assert life.lights == [Outcome.PASS, Outcome.CHECK_AGAIN]
    assert life.inside() == 0


def test_an_undone_visitor_can_show_their_code_again_after_taking_it_away(store: SqliteEventStore) -> None:
    life = Life(store)
    gate = life.wake(moment())
    shows(life, gate, "valid", 0)
    life.now = moment(1)
    gate.undo(ManualReason.WRONG_PERSON)
    assert shows(life, gate, "valid", 1.5) is None, "still held up"
    shows(life, gate, "", 2)
    again = shows(life, gate, "valid", 4)
    assert again is not None
    assert (again.event.outcome, again.event.direction) == (Outcome.PASS, Direction.IN)
    assert life.inside() == 1


def test_only_the_last_event_can_be_undone_and_only_once(store: SqliteEventStore) -> None:
    life = Life(store)
    gate = life.wake(moment())
    assert refusal(gate) is UndoRefusal.NOTHING_TO_UNDO
    shows(life, gate, "valid", 0)
    gate.admit(Direction.IN, ManualReason.ASSISTED)
    assert gate.undo(ManualReason.MISTAKE).annulled.seq == 2
    assert refusal(gate) is UndoRefusal.ALREADY_UNDONE
    assert life.inside() == 1
    assert store.newest_seq == 3, "what was refused left no record"
    assert life.lights == [Outcome.PASS, Outcome.PASS, Outcome.CHECK_AGAIN], "and no light"


def test_later_refusals_do_not_prevent_an_undo(store: SqliteEventStore) -> None:
    life = Life(store)
    gate = life.wake(moment())
    passed = shows(life, gate, "valid", 0)
    assert shows(life, gate, "expired", 5) is not None
    assert passed is not None
    assert gate.undo(ManualReason.TURNED_BACK).annulled.seq == passed.seq


def test_an_undo_with_another_seq_than_the_last_is_refused(store: SqliteEventStore) -> None:
    life = Life(store)
    gate = life.wake(moment())
    for _ in range(2):
        gate.admit(Direction.IN)
    assert refusal(gate, 1) is UndoRefusal.NEWER_EVENT
    assert gate.undo(ManualReason.OTHER, 2).annulled.seq == 2


@pytest.mark.parametrize(("age_s", "why"), [(30.0, None), (30.1, UndoRefusal.TOO_LATE)])
def test_undo_is_refused_after_the_window(store: SqliteEventStore, age_s: float, why: UndoRefusal | None) -> None:
    life = Life(store)
    gate = life.wake(moment())
    gate.admit(Direction.IN)
    life.now = moment(age_s)
    assert (life.last.find_undoable(life.now.monotonic_s) is None) is (why is not None)
    assert (refusal(gate) if why else None) is why
    life.now = replace(moment(age_s), utc_at=moment(-4000).utc_at)
    assert (refusal(gate) if why else gate.undo(ManualReason.OTHER).annulment.seq) == (why or 2), (
        "whatever the wall clock says"
    )


def test_a_window_of_zero_switches_undo_off(store: SqliteEventStore) -> None:
    last = LastAccessEvent(0, boot_id=BOOT)
    last.observe(store.commit(an_event(1)))
    with pytest.raises(UndoError, match="too long ago"):
        last.require_undoable(1001.0)


def test_no_signal_is_shown_for_an_undo_that_could_not_be_committed(tmp_path: Path) -> None:
    with closing(SqliteEventStore(tmp_path / "p.db", boot_id=BOOT)) as store:
        life = Life(store)
        gate = life.wake(moment())
        gate.admit(Direction.IN)
        store._gate_connection.execute("PRAGMA query_only = 1")
        with pytest.raises(StoreError):
            gate.undo(ManualReason.OTHER)
        store._gate_connection.execute("PRAGMA query_only = 0")
        assert life.inside() == 1
        assert life.lights == [Outcome.PASS]
        gate.undo(ManualReason.OTHER)
        assert life.inside() == 0


def test_an_undo_holds_if_the_process_dies_between_commit_and_signal(tmp_path: Path) -> None:
    with closing(SqliteEventStore(tmp_path / "p.db", boot_id=BOOT)) as store:
        life = Life(store)
        gate = life.wake(moment())
        shows(life, gate, "valid", 0)
        life.now, life.dies_before_the_light = moment(3), True
        with pytest.raises(Killed):
            gate.undo(ManualReason.TURNED_BACK)
    with closing(SqliteEventStore(tmp_path / "p.db", boot_id=BOOT)) as store:
        life = Life(store)
        gate = life.wake(moment(5))
        assert life.inside() == 0
        assert refusal(gate) is UndoRefusal.ALREADY_UNDONE
        again = shows(life, gate, "valid", 6)
        assert again is not None
        assert again.event.direction is Direction.IN, "and he may show his code at once"


def test_an_event_can_be_undone_after_a_restart_but_not_after_a_reboot(tmp_path: Path) -> None:
    with closing(SqliteEventStore(tmp_path / "p.db", boot_id=BOOT)) as store:
        life = Life(store)
        shows(life, life.wake(moment()), "valid", 0)
    with closing(SqliteEventStore(tmp_path / "p.db", boot_id=BOOT)) as store:
        life = Life(store)
        gate = life.wake(moment(10))
        assert life.inside() == 1
        assert gate.undo(ManualReason.TURNED_BACK).annulled.seq == 1
        assert life.inside() == 0
        shows(life, gate, "valid", 20)
    with closing(SqliteEventStore(tmp_path / "p.db", boot_id="boot-b")) as store:
        life = Life(store)
        gate = life.wake(moment(25))
        assert life.inside() == 1
        assert refusal(gate) is UndoRefusal.NOTHING_TO_UNDO


@given(st.lists(st.sampled_from(["pass", "refuse", "undo"]), max_size=20))
def test_no_sequence_annuls_an_event_twice_or_an_event_other_than_the_last(steps: list[str]) -> None:
    last = LastAccessEvent(1e9, boot_id=BOOT)
    passed: list[StoredEvent] = []
    annulled: list[int] = []
    for seq, step in enumerate(steps, start=1):
        record = StoredEvent("epoch", seq, BOOT, an_event(seq))
        if step == "undo":
            found = last.find_undoable(1e6)
            if found is None:
                assert not passed or passed[-1].seq in annulled
                continue
            assert found.stored == passed[-1]
            annulled.append(found.stored.seq)
            record = replace(record, event=an_undo_event(seq, found.stored.event))
        elif step == "refuse":
            record = replace(record, event=replace(record.event, outcome=Outcome.FAIL, direction=None))
        else:
            passed.append(record)
        last.observe(record)
    assert len(set(annulled)) == len(annulled)
