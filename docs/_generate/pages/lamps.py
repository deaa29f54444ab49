"""Makes the table and the picture of the lamp patterns from the table of patterns that the code plays."""

import itertools
from xml.sax.saxutils import escape

from docs._generate.blocks import Blocks, Files, table
from kiosk.core.model import DeviceState, Outcome
from kiosk.hardware.gpio.pattern_player import DEFAULT_PATTERNS, Lamp, PatternStep, SignalPattern
from kiosk.system.translations import translator

ROWS: tuple[Outcome | DeviceState, ...] = (
    Outcome.PASS,
    Outcome.FAIL,
    Outcome.CHECK_AGAIN,
    DeviceState.READY,
    DeviceState.DEGRADED,
    DeviceState.STARTING,
    DeviceState.OUT_OF_ORDER,
    DeviceState.NOT_ENROLLED,
    DeviceState.ENROLLING,
    DeviceState.ENROLMENT_OFFLINE,
)
COLOURS = {Lamp.RED: "#c62828", Lamp.AMBER: "#f9a825", Lamp.GREEN: "#2e7d32"}
SHOWN_S = 4.0
PX_PER_S, LEFT, ROW, BAR = 120, 400, 92, 14


def steps_shown(pattern: SignalPattern) -> list[tuple[float, PatternStep]]:
    """The steps of the first seconds, each with its start."""
    found, at_s = [], 0.0
    for step in pattern.steps():
        found.append((at_s, step))
        at_s += step.duration_s
        if at_s >= SHOWN_S:
            break
    return found


def _meaning(key: Outcome | DeviceState) -> tuple[str, str]:
    """In Vietnamese and in English."""
    return translator("vi")(f"lamp.{key}"), translator("en")(f"lamp.{key}")


def patterns() -> str:
    """One row for each pattern."""
    head = ("", "Đèn · Lamp", "Nhịp · Rhythm (s)", "Còi · Sound", "Ý nghĩa", "Meaning")
    return table(head, (_row(key, *_meaning(key)) for key in ROWS))


def _row(key: Outcome | DeviceState, vi: str, en: str) -> tuple[str, ...]:
    pattern = DEFAULT_PATTERNS[key]
    steps = (*pattern.once, *pattern.repeated)
    used = [lamp for lamp in Lamp if any(lamp in step.lamps for step in steps)]
    places = " + ".join(
        {"red": "trái · left", "amber": "giữa · middle", "green": "phải · right"}[lamp] for lamp in used
    )
    rhythm = " ".join(_beat(step) for step in steps) + (" …" if pattern.repeated else "")
    sounds = [f"{step.duration_s:g} s, {step.tone_hz} Hz" for step in steps if step.tone_hz]
    sound = f"{len(sounds)} × {sounds[0]}" if sounds else "—"
    return f"`{pattern.name}`", places, rhythm, sound, vi, en


def _beat(step: PatternStep) -> str:
    lasting = "luôn · steady" if step.duration_s > 60 else f"{step.duration_s:g}"
    return f"**{lasting}**" if step.lamps else lasting


def picture() -> str:
    """An SVG: one band a pattern, three lamp tracks and a sound track along time."""
    width, height = LEFT + int(SHOWN_S * PX_PER_S) + 20, len(ROWS) * ROW + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" role="img">',
        "<title>Lamp and buzzer patterns along four seconds</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for index, key in enumerate(ROWS):
        parts += _band(DEFAULT_PATTERNS[key], *_meaning(key), index * ROW + 8)
    for second in range(int(SHOWN_S) + 1):
        x = LEFT + second * PX_PER_S
        parts.append(f'<path d="M{x} 4V{height - 22}" stroke="#9e9e9e" stroke-dasharray="2 4"/>')
        parts.append(
            f'<text x="{x}" y="{height - 6}" font-size="12" text-anchor="middle" fill="#424242">{second} s</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _band(pattern: SignalPattern, vi: str, en: str, top: int) -> list[str]:
    parts = [
        f'<text x="10" y="{top + 18}" font-size="16" font-weight="bold" fill="#212121">{pattern.name}</text>',
        f'<text x="10" y="{top + 38}" font-size="13" fill="#212121">{escape(vi)}</text>',
        f'<text x="10" y="{top + 56}" font-size="13" fill="#616161">{escape(en)}</text>',
    ]
    for track, lamp in enumerate(Lamp):
        y = top + track * (BAR + 4)
        parts.append(f'<rect x="{LEFT}" y="{y}" width="{int(SHOWN_S * PX_PER_S)}" height="{BAR}" fill="#eeeeee"/>')
        parts += [_bar(at_s, step, y, COLOURS[lamp]) for at_s, step in steps_shown(pattern) if lamp in step.lamps]
    y = top + 3 * (BAR + 4)
    parts += [_bar(at_s, step, y, "#37474f", 8) for at_s, step in steps_shown(pattern) if step.tone_hz]
    parts += [
        f'<text x="{LEFT + at_s * PX_PER_S + 2}" y="{y + 22}" font-size="11" fill="#37474f">♪ {step.tone_hz} Hz</text>'
        for at_s, step in itertools.islice(((at, step) for at, step in steps_shown(pattern) if step.tone_hz), 1)
    ]
    return parts


def _bar(at_s: float, step: PatternStep, y: int, colour: str, height: int = BAR) -> str:
    width = min(step.duration_s, SHOWN_S - at_s) * PX_PER_S
    return f'<rect x="{LEFT + at_s * PX_PER_S:g}" y="{y}" width="{width:g}" height="{height}" fill="{colour}"/>'


BLOCKS: Blocks = {"reference/lamps.md": {"patterns": patterns}}
FILES: Files = {"images/lamps.svg": picture}
