"""The path of one frame: each step runs once, in order, and the event is on disk before the signal."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kiosk.core import rules
from kiosk.core.gate import ENROLMENT_PREFIX, Gate
from kiosk.core.model import Assurance, ClockQuality, CodeKind, Direction, Outcome, Reason, StoredEvent
from kiosk.core.ports import StoreError
from kiosk.core.subject_sealing import Pseudonymizer
from kiosk.core.uuid7 import uuid7
from kiosk.credentials.issuing import make_rotating_pass, sign_pass
from kiosk.enrolment.invitation_code import PREFIX
from mqtt.sealing import unseal_subject
from tests.fakes.data.entry_passes import HOLDER, HOLDER_RAW, SERIAL
from tests.fakes.data.people import NOW_AT, WORLD, moment
from tests.fakes.parts.gate import FRAME, PRIVATE, Scene


@pytest.fixture
def scene() -> Scene:
    return Scene()


def shown(scene: Scene, gate: Gate, label: str, after_s: float = 0.0) -> StoredEvent | None:
    """Show one sample code to the camera."""
    scene.codes = (WORLD[label].data,) if label else ()
    scene.now = moment(after_s)
    return gate.process_frame(FRAME).stored


@pytest.mark.parametrize("label", [sample.label for sample in WORLD.samples])
def test_every_sample_gets_its_signal_and_its_event(scene: Scene, label: str) -> None:
    sample = WORLD[label]
    stored = shown(scene, scene.gate(), label)
    assert stored is not None
    passage = stored.event
    assert (passage.kind, passage.outcome, passage.reason) == (sample.kind, sample.outcome, sample.reason)
    assert passage.code_bytes == len(sample.data)
    assert len(passage.pseudonym) == 16
    assert scene.lights == [sample.outcome]
    if sample.subject is not None:
        opened = unseal_subject(PRIVATE, passage.sealed, passage.id)
        assert opened["name"] == sample.subject.name
        assert opened["ids"] == [[each.scheme, each.value] for each in sample.subject.identifiers]
        assert passage.direction is Direction.IN


def test_no_signal_is_shown_before_the_event_is_on_disk(scene: Scene) -> None:
    shown(scene, scene.gate(), "valid")
    assert scene.happened == ["record", "light"]


def test_no_signal_is_shown_if_the_commit_fails(scene: Scene) -> None:
    scene.disk_is_full = True
    gate = scene.gate()
    with pytest.raises(StoreError):
        shown(scene, gate, "valid")
    assert scene.lights == []
    scene.disk_is_full = False
    assert shown(scene, gate, "valid", 1.0) is not None, "the person is answered when the disk takes events again"


def test_a_refused_person_is_answered_after_any_number_of_failed_commits(scene: Scene) -> None:
    scene.disk_is_full = True
    gate = scene.gate()
    for number in range(300):
        with pytest.raises(StoreError):
            shown(scene, gate, "expired", number / 30)
    scene.disk_is_full = False
    assert shown(scene, gate, "expired", 11.0) is not None
    assert scene.counted_refusals == 0


def test_the_code_that_enrolled_this_device_gets_no_answer_and_hides_no_person(scene: Scene) -> None:
    assert ENROLMENT_PREFIX.decode() == PREFIX
    gate = scene.gate()
    invitation = f"{PREFIX}6BF+70790T9WJWG.FKY*4GO0".encode()
    scene.codes = (invitation,)
    assert gate.process_frame(FRAME).stored is None
    assert gate.process_scan(invitation) is None
    assert scene.happened == []
    scene.codes = (invitation, WORLD["valid"].data)
    assert gate.process_frame(FRAME).stored is not None
    assert scene.lights == [Outcome.PASS]


def test_an_empty_frame_gives_no_decision(scene: Scene) -> None:
    look = scene.gate().process_frame(FRAME)
    assert look.stored is None
    assert scene.happened == []


def test_a_code_that_stays_in_view_is_answered_once(scene: Scene) -> None:
    gate = scene.gate()
    for frame in range(30):
        shown(scene, gate, "valid", frame / 15)
    assert scene.lights == [Outcome.PASS]


def test_in_then_out_then_in(scene: Scene) -> None:
    gate = scene.gate()
    ways = [shown(scene, gate, "valid", after_s) for after_s in (0, 60, 120)]
    assert [stored and stored.event.direction for stored in ways] == [Direction.IN, Direction.OUT, Direction.IN]


def test_another_code_of_the_same_person_is_the_same_visit(scene: Scene) -> None:
    gate = scene.gate()
    who = WORLD["national"].person
    assert who is not None
    assert shown(scene, gate, "national") is not None
    card = WORLD["insurance"].text.replace(WORLD["insurance"].person.insurance_number, who.insurance_number)  # type: ignore[union-attr]
    scene.codes, scene.now = (card.encode(),), moment(3)
    assert gate.process_frame(FRAME).stored is None
    assert scene.lights == [Outcome.PASS]
    scene.now = moment(60)
    stored = gate.process_frame(FRAME).stored
    assert stored is not None
    assert stored.event.direction is Direction.OUT, "and leaving with the other code he is known"


def test_a_rotated_code_of_the_same_app_is_the_same_visit(scene: Scene) -> None:
    gate = scene.gate()
    token = sign_pass(WORLD.issuer, SERIAL, NOW_AT, NOW_AT + timedelta(days=1), holder_key=HOLDER_RAW)
    answers = []
    for second in (0, 5, 10):
        scene.codes, scene.now = (
            (make_rotating_pass(token, HOLDER, NOW_AT + timedelta(seconds=second)),),
            moment(second),
        )
        answers.append(gate.process_frame(FRAME).stored)
    assert [answer is not None for answer in answers] == [True, False, False]


def test_two_codes_at_once_are_rejected(scene: Scene) -> None:
    scene.codes = (WORLD["valid"].data, WORLD["expired"].data)
    stored = scene.gate().process_frame(FRAME).stored
    assert stored is not None
    passage = stored.event
    assert (passage.outcome, passage.reason) == (Outcome.CHECK_AGAIN, Reason.MULTIPLE_CODES)
    assert (passage.kind, passage.assurance, passage.direction, passage.sealed) == (None, None, None, b"")
    assert passage.code_bytes == 2 * 178


def test_an_unknown_code_is_kept_only_as_keyed_hash_and_length(scene: Scene) -> None:
    stored = shown(scene, scene.gate(), "unknown")
    assert stored is not None
    passage = stored.event
    assert passage.sealed == b""
    assert passage.assurance is None
    assert passage.pseudonym == Pseudonymizer(b"k" * 32).for_codes([WORLD["unknown"].data])


def test_the_subject_of_a_refused_person_is_sealed_for_the_centre(scene: Scene) -> None:
    stored = shown(
        scene, scene.gate(rules.AccessPolicy(min_assurance={CodeKind.ENTRY_PASS: Assurance.VERIFIED})), "id-card"
    )
    assert stored is not None
    assert stored.event.reason is Reason.NOT_ACCEPTED
    assert unseal_subject(PRIVATE, stored.event.sealed, stored.event.id)["name"] == WORLD["id-card"].person.name  # type: ignore[union-attr]


def test_a_full_site_refuses_the_next_person_until_one_leaves(scene: Scene) -> None:
    gate = scene.gate(rules.AccessPolicy(capacity=1))
    reasons = []
    for label, after_s in (("valid", 0), ("national", 20), ("valid", 40), ("national", 60)):
        stored = shown(scene, gate, label, after_s)
        assert stored is not None
        reasons.append(stored.event.reason)
    assert reasons == [Reason.OK, Reason.CAPACITY_REACHED, Reason.OK, Reason.OK]


def test_a_manual_admission_counts_one_person(scene: Scene) -> None:
    gate = scene.gate(rules.AccessPolicy(capacity=1))
    passage = gate.admit(Direction.IN).event
    assert (passage.outcome, passage.reason, passage.direction) == (Outcome.PASS, Reason.MANUAL, Direction.IN)
    assert (passage.kind, passage.pseudonym, passage.sealed, passage.code_bytes) == (None, b"", b"", 0)
    assert scene.happened == ["record", "light"]
    full = shown(scene, gate, "valid", 5)
    assert full is not None
    assert full.event.reason is Reason.CAPACITY_REACHED
    gate.admit(Direction.OUT)
    free = shown(scene, gate, "valid", 30)
    assert free is not None
    assert free.event.reason is Reason.OK


def test_an_event_has_both_clocks_and_the_clock_quality(scene: Scene) -> None:
    scene.now = moment(quality=ClockQuality.FREE_RUNNING)
    scene.codes = (WORLD["valid"].data,)
    stored = scene.gate().process_frame(FRAME).stored
    assert stored is not None
    passage = stored.event
    assert (passage.occurred_at, passage.monotonic_s, passage.clock_quality) == (
        scene.now.utc_at,
        scene.now.monotonic_s,
        scene.now.quality,
    )


def test_ids_are_version_7_and_rise_with_time() -> None:
    first, later = uuid7(moment()), uuid7(moment(0.002))
    assert (first.version, first.variant) == (7, "specified in RFC 4122")
    assert first < later
    assert first.int >> 80 == int(NOW_AT.timestamp() * 1000)
    assert uuid7(moment()) != uuid7(moment())


def test_a_clock_before_1970_gives_a_valid_id() -> None:
    assert uuid7(replace(moment(), utc_at=NOW_AT - timedelta(days=30_000))).int >> 80 == 0
