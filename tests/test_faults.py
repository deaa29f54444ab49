"""The short form of the fault laboratory: every kind of fault once, then the count. The long form is `make faults`."""

import pytest

from tests import faults


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", [11])
def test_whatever_is_killed_cut_or_filled_each_passage_is_at_the_centre_once(seed: int) -> None:
    verdict = faults.run(seed, passages=1500, per_s=300, faults=14)
    assert (verdict.lost, verdict.doubled) == (0, 0)
    assert verdict.missing == verdict.quarantined == 1, "the poison record, and nothing else"
    assert len(verdict.faults) >= 14
