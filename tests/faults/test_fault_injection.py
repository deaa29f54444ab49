"""A short run of the fault injection: one seed, some of the faults. `make faults` is the long run."""

from collections import Counter
from dataclasses import replace

from tests.faults.injection import seed_run
from tests.faults.injection.environment import Options
from tests.faults.injection.verdict import Verdict


def test_no_event_is_lost_or_duplicated_under_faults() -> None:
    verdict = seed_run.run(Options(seed=11, event_count=800, faults=5))
    assert verdict.good, verdict
    assert verdict.lights > 0, "the camera caused events too"
    assert verdict.quarantined >= 2, "the injected invalid events are in quarantine"


def test_three_neighbouring_seeds_inject_every_kind() -> None:
    common, own = [f"kind {number}" for number in range(34)], ["database restarted", "database killed"]
    for first in (1, 7, 100):
        plans = [seed_run.plan(Options(seed), common, own) for seed in range(first, first + 3)]
        assert [len(plan) for plan in plans] == [20, 20, 20]
        assert set(common) <= set().union(*plans)
        assert all(set(own) <= set(plan) for plan in plans)
        assert Counter(plans[0]) != Counter(plans[1])


def test_any_loss_and_any_process_that_stays_down_is_a_bad_verdict() -> None:
    good = Verdict(seed=1, promised=10, faults={"kill device": 20})
    assert good.good
    bad = [
        replace(good, lost=1),
        replace(good, doubled=1),
        replace(good, gaps=1),
        replace(good, unrecorded=1),
        replace(good, seq_gaps=1),
        replace(good, innocent=1),
        replace(good, down=["page"]),
        replace(good, error="no progress"),
        replace(good, promised=0),
    ]
    assert not any(one.good for one in bad)
