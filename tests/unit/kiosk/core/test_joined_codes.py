"""Codes of one person are joined where they have something in common that identifies the person, and only there."""

from itertools import permutations

import pytest

from kiosk.core import rules
from kiosk.core.gate import Gate
from kiosk.core.model import Direction, Reason
from tests.fakes.data.people import WORLD, moment
from tests.fakes.parts.gate import FRAME, Scene

NUMBER, OLD_NUMBER, INSURED = "046076536800", "191234567", "4691434105"
ID_CARD = f"{NUMBER}|{OLD_NUMBER}|Bùi Văn Đình|01021976|Nam|Huế|25042021"
NATIONAL = f"{NUMBER}|BUI VAN DINH|1976-02-01|0|162979388586171100|<1<GD446{INSURED}<0912345678"
MASKED = f"******{NUMBER[6:]}|BUI VAN DINH|1976-**-**|0|162979388586171100|<1<00<0912345678"
OLD_NATIONAL = f"{OLD_NUMBER}|BUI VAN DINH|1976|1||"
NEW_INSURANCE = f"{NUMBER}|{'Bùi Văn Đình'.encode().hex()}|1976|1|-|46 - 001|01/01/2021|-|01/01/2021|-|-|4|-|x|4|54|$"
OLD_INSURANCE = NEW_INSURANCE.replace(NUMBER, f"GD446{INSURED}")
HARD_IN = rules.AccessPolicy(direction="in", anti_passback="hard")
JOINED = (
    *permutations((ID_CARD, NATIONAL, MASKED), 2),
    *permutations((ID_CARD, NATIONAL, NEW_INSURANCE), 2),
    *permutations((ID_CARD, OLD_NATIONAL), 2),
    *permutations((NATIONAL, OLD_INSURANCE), 2),
)


def show(scene: Scene, gate: Gate, code: str | bytes, after_s: float) -> Reason:
    scene.codes, scene.now = (code.encode() if isinstance(code, str) else code,), moment(after_s)
    stored = gate.process_frame(FRAME).stored
    assert stored is not None
    return stored.event.reason


@pytest.mark.parametrize(("first", "second"), JOINED)
def test_hard_anti_passback_knows_a_person_by_another_of_their_codes(first: str, second: str) -> None:
    scene = Scene()
    gate = scene.gate(HARD_IN)
    assert show(scene, gate, first, 0) is Reason.OK
    assert show(scene, gate, second, 60) is Reason.ALREADY_IN


@pytest.mark.parametrize(("first", "second"), JOINED)
def test_who_comes_in_with_one_code_may_leave_with_another(first: str, second: str) -> None:
    scene = Scene()
    gate = scene.gate()
    show(scene, gate, first, 0)
    show(scene, gate, second, 60)
    assert [event.direction for event in scene.records] == [Direction.IN, Direction.OUT]


@pytest.mark.parametrize(
    "other",
    [
        MASKED.replace("536800", "536801").replace("162979", "262979"),
        MASKED.replace("DINH", "DUNG").replace("162979", "262979"),
        MASKED.replace("1976", "1977").replace("162979", "262979"),
        MASKED.replace("1976", "****").replace("162979", "262979"),
        OLD_INSURANCE,
        WORLD["valid"].data,
        WORLD["hcert"].data,
    ],
)
def test_codes_without_anything_in_common_are_two_people(other: str | bytes) -> None:
    scene = Scene()
    gate = scene.gate(HARD_IN)
    assert show(scene, gate, ID_CARD, 0) is Reason.OK
    assert show(scene, gate, other, 60) is Reason.OK


def test_the_likeness_is_not_sealed_and_is_kept_as_a_keyed_hash() -> None:
    scene = Scene()
    show(scene, scene.gate(), MASKED, 0)
    (event,) = scene.records
    assert [len(name) for name in (event.pseudonym, *event.aliases)] == [16, 16]
