"""Makes docs/lamps.md with its picture from the table of patterns: what the code does, drawn."""

import itertools
from pathlib import Path
from xml.sax.saxutils import escape

from kiosk.core.model import Outcome, State
from kiosk.hardware.gpio.pattern_player import PATTERNS, Lamp, Pattern, Step

DOCS = Path(__file__).parents[2] / "docs"
ROWS: dict[Outcome | State, tuple[str, str]] = {
    Outcome.PASS: ("Mời qua. Đã ghi vào sổ.", "Go through. It is on record."),
    Outcome.FAIL: ("Không qua được. Xem lý do trên trang.", "Not accepted. The page says why."),
    Outcome.LOOK_AGAIN: ("Giơ lại, từng người một.", "Once more, one person at a time."),
    State.READY: ("Sẵn sàng: chớp ngắn hai giây một lần.", "Ready: one short blink every two seconds."),
    State.DEGRADED: ("Vẫn dùng được, cần xem trang.", "Works, but look at the page."),
    State.STARTING: ("Đang khởi động, chờ một lát.", "Starting, wait a moment."),
    State.OUT_OF_ORDER: ("Hỏng. Ghi sổ giấy, gọi kỹ thuật.", "Out of order. Paper list, call for help."),
}
COLOURS = {Lamp.RED: "#c62828", Lamp.AMBER: "#f9a825", Lamp.GREEN: "#2e7d32"}
SHOWN_S = 4.0
PX_PER_S, LEFT, ROW, BAR = 120, 300, 92, 14

PAGE = """\
# Đèn và còi · Lamps and sounds

*Made by `make docs` from `kiosk/hardware/gpio/pattern_player.py`; do not edit.*

Ba đèn đặt cạnh nhau: **đỏ bên trái, vàng ở giữa, xanh bên phải**. Không cần phân biệt màu: vị trí, nhịp và tiếng còi đều khác nhau.
Đèn xanh chỉ sáng khi lượt qua **đã được ghi**. Đèn đứng yên hoặc tắt hẳn quá ba giây: máy hỏng.

Three lamps side by side: **red on the left, amber in the middle, green on the right**. Nobody has to tell the colours apart:
place, rhythm and sound all differ. Green is lit only once the passage **is on record**. Lamps that stand still, or stay dark for
more than three seconds, mean that the device is out of order, even where no program is left to say so.

![Every pattern along four seconds](pictures/lamps.svg)

| | Đèn · Lamp | Nhịp · Rhythm (s) | Còi · Sound | Ý nghĩa | Meaning |
|---|---|---|---|---|---|
{table}

**Hủy lượt vừa rồi** (nút bấm hoặc trang của bảo vệ): đèn vàng chớp hai lần, còi hai tiếng, như *giơ lại*; trang hiện chữ "Xem lại.
Lượt vừa rồi đã hủy". Đèn và còi không đổi: chưa hủy được (quá muộn, hoặc đã hủy rồi); trang nói vì sao.

**Undoing the last passage** (with the button, or on the guard's page) plays *look again*: amber in the middle twice, two beeps; the
page says in words "Look again. The last passage was undone." Where lamps and buzzer stay as they were, nothing was undone
(too late, or undone already); the page says why.

Nghe và xem thử · Try them (the kiosk must be stopped: `systemctl stop kiosk`):

    kiosk signal pass          # on the pins
    kiosk signal fail --mock   # in the terminal, on any machine

Nhịp và tiếng có thể đổi trong `[signal.patterns]` của cấu hình; vị trí đèn thì không. `kiosk check-config` từ chối những nhịp dễ
nhầm lẫn hoặc nhấp nháy quá ba lần một giây (người bị động kinh nhạy sáng); *sẵn sàng* và *cần xem trang* không đổi được.

A site may change rhythms and tones in `[signal.patterns]` of its configuration, not the lamps' places; `kiosk signal` plays what is
configured. What could be mistaken for another answer (as many flashes, beeps of the same number and length, tones less than a
tenth apart), flashes more than three times a second (photosensitive epilepsy, WCAG 2.3.1), blinks like *ready*, or keeps the next
person waiting for more than two seconds is refused, every mistake at once. *Ready* and *degraded* are not to choose.

Còi loại *active* chỉ có một tiếng, phân biệt bằng nhịp; loại *passive* phát đúng cao độ trong bảng. An *active* buzzer has one
tone, and the rhythm tells; a *passive* one plays the pitch in the table.
"""


def steps_shown(pattern: Pattern) -> list[tuple[float, Step]]:
    """The steps of the first seconds, each with its start."""
    found, at_s = [], 0.0
    for step in pattern.steps():
        found.append((at_s, step))
        at_s += step.duration_s
        if at_s >= SHOWN_S:
            break
    return found


def table() -> str:
    """One line of Markdown a pattern."""
    return "\n".join(_row(key, *words) for key, words in ROWS.items())


def _row(key: Outcome | State, vi: str, en: str) -> str:
    pattern = PATTERNS[key]
    steps = (*pattern.once, *pattern.forever)
    used = [lamp for lamp in Lamp if any(lamp in step.lamps for step in steps)]
    places = " + ".join(
        {"red": "trái · left", "amber": "giữa · middle", "green": "phải · right"}[lamp] for lamp in used
    )
    rhythm = " ".join(_beat(step) for step in steps) + (" …" if pattern.forever else "")
    sounds = [f"{step.duration_s:g} s, {step.tone_hz} Hz" for step in steps if step.tone_hz]
    sound = f"{len(sounds)} × {sounds[0]}" if sounds else "—"
    return f"| `{pattern.name}` | {places} | {rhythm} | {sound} | {vi} | {en} |"


def _beat(step: Step) -> str:
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
    for index, (key, (vi, en)) in enumerate(ROWS.items()):
        parts += _band(PATTERNS[key], vi, en, index * ROW + 8)
    for second in range(int(SHOWN_S) + 1):
        x = LEFT + second * PX_PER_S
        parts.append(f'<path d="M{x} 4V{height - 22}" stroke="#9e9e9e" stroke-dasharray="2 4"/>')
        parts.append(
            f'<text x="{x}" y="{height - 6}" font-size="12" text-anchor="middle" fill="#424242">{second} s</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _band(pattern: Pattern, vi: str, en: str, top: int) -> list[str]:
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


def _bar(at_s: float, step: Step, y: int, colour: str, height: int = BAR) -> str:
    width = min(step.duration_s, SHOWN_S - at_s) * PX_PER_S
    return f'<rect x="{LEFT + at_s * PX_PER_S:g}" y="{y}" width="{width:g}" height="{height}" fill="{colour}"/>'


def main() -> None:
    """Write the page and its picture."""
    (DOCS / "pictures").mkdir(parents=True, exist_ok=True)
    (DOCS / "lamps.md").write_text(PAGE.format(table=table()), encoding="utf-8")
    (DOCS / "pictures/lamps.svg").write_text(picture(), encoding="utf-8")


if __name__ == "__main__":
    main()
