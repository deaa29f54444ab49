"""The fault laboratory in short: one seed, some of the faults; `make faults` is the long form."""

from tests.faults import run


def test_the_whole_kiosk_loses_nothing_and_doubles_nothing_under_faults() -> None:
    verdict = run.run(seed=11, passages=1500, per_s=600, faults=8)
    assert verdict.good, verdict
    assert verdict.lights > 0, "the camera was a source of passages as well"
    assert verdict.quarantined >= 2, "the poisoned records were set aside, and nothing else was"
