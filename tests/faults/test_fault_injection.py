"""A short run of the fault injection: one seed, some of the faults. `make faults` is the long run."""

from tests.faults import run


def test_no_event_is_lost_or_duplicated_under_faults() -> None:
    verdict = run.run(seed=11, event_count=1500, per_s=600, faults=8)
    assert verdict.good, verdict
    assert verdict.lights > 0, "the camera caused events too"
    assert verdict.quarantined >= 2, "the injected invalid events are in quarantine"
