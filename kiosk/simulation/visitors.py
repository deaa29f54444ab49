"""The synthetic visitors of the demo and the decision that each should get."""

from datetime import UTC, datetime

from kiosk.core.model import Direction, Outcome, Reason
from kiosk.credentials.issuing.samples import SampleCode, SampleData, make_sample_data
from kiosk.simulation.scenario import Scenario, ScenarioTiming, Visitor

ONE_AT_A_TIME = (Outcome.CHECK_AGAIN, Reason.MULTIPLE_CODES)


def build_visitors(samples: SampleData, window_s: float) -> tuple[Visitor, ...]:
    """The visitors of the demo, in order. `window_s`: a visit ends after this long out of view."""

    def shows(label: str, vi: str, en: str, direction: Direction | None = None, *, away_s: float = 0.0) -> Visitor:
        sample: SampleCode = samples[label]
        return Visitor(vi, en, (sample.data,), (sample.outcome, sample.reason), direction, away_s)

    valid = samples["valid"].data
    return (
        Visitor(
            "Chưa có ai", "no visitor yet", absent_before_s=1.5 * window_s
        ),  # who left just now comes in as a new visit
        shows("valid", "Cô Ánh có thẻ hợp lệ, đi vào", "Anh, with a valid pass, goes in", Direction.IN),
        Visitor("Cô Ánh vẫn giơ thẻ", "Anh still holds it up", (valid,)),
        shows("national", "Bác Bình giơ mã QR cá nhân quốc gia", "Binh, with a national personal QR", Direction.IN),
        shows("expired", "Thẻ đã hết hạn", "a visitor with an expired pass"),
        shows("forged", "Thẻ giả chữ ký", "a visitor with a forged pass"),
        shows("unknown-key", "Thẻ của nơi cấp lạ", "a pass by an unknown issuer"),
        shows("revoked", "Thẻ đã bị thu hồi", "a visitor with a revoked pass"),
        shows("id-card", "Chị Khuê giơ căn cước (tên có dấu)", "Khue, with an ID card (diacritics)", Direction.IN),
        shows("insurance", "Ông Lộc giơ thẻ bảo hiểm y tế", "Loc, with a health-insurance card", Direction.IN),
        shows("hcert", "Khách có hộ chiếu vắc-xin", "a guest with a vaccine passport", Direction.IN),
        shows("place", "Có người quét mã của địa điểm", "a visitor shows a venue's poster"),
        shows("unknown", "Mã lạ: thực đơn chè", "an unknown code: a menu of sweet soup"),
        Visitor(
            "Hai người giơ mã cùng lúc",
            "two people at once",
            (samples.make_valid_pass(1), samples.make_valid_pass(2)),
            ONE_AT_A_TIME,
        ),
        shows("valid", "Cô Ánh đi ra", "Anh goes out", Direction.OUT, away_s=1.5 * window_s),
        Visitor("Không còn ai", "no visitor left"),
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
