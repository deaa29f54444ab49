"""The synthetic visitors of the demo and the decision that each should get."""

from datetime import UTC, datetime

from kiosk.core.model import Direction, Outcome, Reason
from kiosk.credentials.issuing.samples import SampleCode, SampleData, make_sample_data
from kiosk.simulation.scenario import Scenario, ScenarioTiming, Visitor

ONE_AT_A_TIME = (Outcome.CHECK_AGAIN, Reason.MULTIPLE_CODES)


def build_visitors(samples: SampleData, window_s: float) -> tuple[Visitor, ...]:
    """The visitors of the demo, in order. `window_s`: a visit ends after this long out of view."""

    def shows(label: str, description: str = "", direction: Direction | None = None, *, away_s: float = 0.0) -> Visitor:
        sample: SampleCode = samples[label]
        expected = (sample.outcome, sample.reason)
        return Visitor(description or label, (sample.data,), expected, direction, away_s)

    two_passes = (samples.make_valid_pass(1), samples.make_valid_pass(2))
    return (
        # Without a visitor at first: a person who left just now comes in as a new visit.
        Visitor("none", absent_before_s=1.5 * window_s),
        shows("valid", direction=Direction.IN),
        Visitor("valid-still-there", (samples["valid"].data,)),
        shows("national", direction=Direction.IN),
        shows("expired"),
        shows("forged"),
        shows("unknown-key"),
        shows("revoked"),
        shows("id-card", direction=Direction.IN),
        shows("insurance", direction=Direction.IN),
        shows("hcert", direction=Direction.IN),
        shows("place"),
        shows("unknown", "unknown-code"),
        Visitor("two-at-once", two_passes, ONE_AT_A_TIME),
        shows("valid", "valid-leaves", Direction.OUT, away_s=1.5 * window_s),
        Visitor("none"),
    )


def make_looping_scenario(frames_per_s: float) -> Scenario:
    """For `camera.source = "synthetic"`: its own sample data, repeated. Its passes are not valid anywhere else."""
    world = make_sample_data(datetime.now(UTC))
    return Scenario(build_visitors(world, window_s=8.0), slow_timing(frames_per_s), loop=True)


def slow_timing(frames_per_s: float) -> ScenarioTiming:
    """Slow enough for people to follow."""
    return ScenarioTiming(
        frames_per_s,
        min_frames=round(2.5 * frames_per_s),
        max_wait_frames=round(6 * frames_per_s),
        gap_frames=round(1.5 * frames_per_s),
    )


def fast_timing(frames_per_s: float) -> ScenarioTiming:
    """As fast as the kiosk decodes: a visitor leaves as soon as they are answered."""
    return ScenarioTiming(frames_per_s, min_frames=8, max_wait_frames=round(20 * frames_per_s), gap_frames=5)
