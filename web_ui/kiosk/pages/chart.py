"""The last day as a bar chart: from counts to rectangles in SVG units; pure."""

from dataclasses import dataclass

from web_ui.i18n.formatting import LocaleFormatter
from web_ui.kiosk.data.hourly_counts import DayCounts

WIDTH = 720
HEIGHT = 120
GAP = 4
OUTCOME_ORDER = ("pass", "check-again", "fail")
"""From the bottom up."""


@dataclass(frozen=True, slots=True)
class BarSegment:
    """One outcome of one hour."""

    outcome: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour."""

    start: str
    """Local time, `17:00`."""
    counts: dict[str, str]
    total: int
    segments: tuple[BarSegment, ...]
    x: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars with a common scale."""

    bars: tuple[Bar, ...]
    scale_maximum: str
    """The number that the full height stands for."""
    scale_half: str
    busiest: Bar | None
    """The hour with the most scans. None without scans."""


def build_chart(day: DayCounts, formatter: LocaleFormatter) -> Chart:
    """One bar per hour."""
    most = max((hour.outcomes.total() for hour in day.hours), default=0)
    top = _round_up(most)
    step = WIDTH / max(1, len(day.hours))
    bars = []
    for index, hour in enumerate(day.hours):
        x, ground, blocks = index * step, float(HEIGHT), []
        for outcome in OUTCOME_ORDER:
            height = HEIGHT * hour.outcomes[outcome] / top
            if height:
                ground -= height
                blocks.append(
                    BarSegment(outcome, round(x + GAP / 2, 2), round(ground, 2), round(step - GAP, 2), round(height, 2))
                )
        counts = {outcome: formatter.number(hour.outcomes[outcome]) for outcome in OUTCOME_ORDER}
        bars.append(Bar(hour.start_at.strftime("%H:%M"), counts, hour.outcomes.total(), tuple(blocks), round(x, 2)))
    busiest = max(bars, key=lambda bar: bar.total) if most else None
    return Chart(tuple(bars), formatter.number(top), formatter.number(top // 2), busiest)


def _round_up(value: int) -> int:
    """The next round number that can be halved, at least 10."""
    for digits in range(9):
        for lead in (10, 12, 16, 20, 24, 30, 40, 50, 60, 80):
            if value <= lead * 10**digits:
                return int(lead * 10**digits)
    return value
