"""Makes the schematic and the table of the wiring: each branch from its pin over its resistor to what it drives."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import escape

from docs._generate.blocks import Blocks, Files, table
from kiosk.core.pins import INPUT_PINS, OUTPUT_PINS

PIN_OF_BCM = {7: 26, 17: 11, 27: 13, 22: 15, 18: 12, 23: 16, 5: 29, 6: 31}
COLOURS = {"red": "#c62828", "amber": "#f9a825", "green": "#2e7d32"}
HEADER, ROW, LOAD_X, TEXT_X, WIDTH = 210, 84, 480, 580, 980
INK = 'stroke="#212121" stroke-width="2" fill="none"'


@dataclass(frozen=True, slots=True)
class Branch:
    """One wire that leaves the header."""

    name: str
    """The setting in `[gpio]`, or the lamp's."""
    pin: int
    resistor: str
    symbol: Literal["lamp", "transistor", "box", "button"]
    vi: str
    en: str

    @property
    def output(self) -> bool:
        """Whether the Pi drives it."""
        return self.name in OUTPUT_PINS


_PINS = {**OUTPUT_PINS, **INPUT_PINS}
BRANCHES = (
    Branch("red", _PINS["red"], "330 Ω", "lamp", "đèn đỏ, bên trái", "red LED, left"),
    Branch("amber", _PINS["amber"], "330 Ω", "lamp", "đèn vàng, ở giữa", "amber LED, middle"),
    Branch("green", _PINS["green"], "330 Ω", "lamp", "đèn xanh, bên phải", "green LED, right"),
    Branch(
        "buzzer", _PINS["buzzer"], "1 kΩ", "transistor", "còi (loại active) 5 V, qua transistor NPN",
        "active buzzer at 5 V, by an NPN transistor",
    ),
    Branch(
        "relay", _PINS["relay"], "1 kΩ", "box", "mạch rơ-le cách ly quang, ngõ IN mức cao",
        "opto-isolated relay board, IN closes on high",
    ),
    Branch(
        "admit_button",
        _PINS["admit_button"],
        "1 kΩ",
        "button",
        "nút cho qua không cần mã, nối GND",
        "button to ground: admit by hand",
    ),
    Branch(
        "undo_button", _PINS["undo_button"], "1 kΩ", "button", "nút hủy lượt vừa rồi, nối GND",
        "button to ground: undo the last event",
    ),
    Branch(
        "presence_sensor", _PINS["presence_sensor"], "1 kΩ", "box", "cảm biến hiện diện, ngõ ra 3,3 V",
        "presence sensor, output 3.3 V",
    ),
)  # fmt: skip


def wiring() -> str:
    """The whole picture, as SVG."""
    height = len(BRANCHES) * ROW + 110
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" role="img">',
        "<title>Đấu dây đèn, còi, rơ-le và nút bấm vào Raspberry Pi · Wiring to the Raspberry Pi's header</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<rect x="20" y="20" width="{HEADER}" height="{height - 70}" rx="8" fill="#e8f5e9" stroke="#2e7d32" stroke-width="2"/>',
        _text(36, 46, "Raspberry Pi", 16, "#1b5e20"),
    ]
    for index, branch in enumerate(BRANCHES):
        parts += _branch(branch, 96 + index * ROW)
    ground = "GND: 6, 9, 14, 20, 25, 30, 34, 39 · 5 V: 2, 4 · nối chung GND (mass) · all grounds are one"
    return "\n".join([*parts, _text(36, height - 18, ground, 13, "#424242"), "</svg>", ""])


def _branch(branch: Branch, y: int) -> Iterator[str]:
    """From the pin to the ground."""
    edge = 20 + HEADER
    yield _text(36, y + 5, f"GPIO {branch.pin} (pin {PIN_OF_BCM[branch.pin]})", 14)
    yield f'<circle cx="{edge}" cy="{y}" r="5" fill="#212121"/>'
    yield f'<path d="M{edge} {y}H310M380 {y}H{LOAD_X - 20}" {INK}/>'
    yield f'<rect x="310" y="{y - 10}" width="70" height="20" {INK}/>'
    yield f'<text x="345" y="{y - 16}" font-size="13" text-anchor="middle" fill="#212121">{branch.resistor}</text>'
    yield from _SYMBOLS[branch.symbol](branch, y)
    yield _text(TEXT_X, y - 3, branch.vi, 14)
    yield _text(TEXT_X, y + 17, branch.en, 13, "#616161")


def _lamp(branch: Branch, y: int) -> Iterator[str]:
    """A diode in its lamp: the bar is the cathode, at ground."""
    x = LOAD_X
    yield f'<circle cx="{x}" cy="{y}" r="20" fill="{COLOURS[branch.name]}" stroke="#212121" stroke-width="2"/>'
    yield f'<path d="M{x - 20} {y}H{x - 7}M{x - 7} {y - 9}V{y + 9}L{x + 7} {y}Z" {INK}/>'
    yield f'<path d="M{x + 7} {y - 9}V{y + 9}M{x + 7} {y}H{x + 40}" {INK}/>'
    yield _ground(x + 40, y)


def _transistor(_: Branch, y: int) -> Iterator[str]:
    """The base at the resistor, the buzzer between 5 V and the collector, the emitter at ground."""
    x = LOAD_X
    yield f'<path d="M{x - 20} {y}H{x - 8}M{x - 8} {y - 14}V{y + 14}M{x - 8} {y - 5}L{x + 10} {y - 16}V{y - 24}H{x + 20}" {INK}/>'
    yield f'<path d="M{x - 8} {y + 5}L{x + 10} {y + 16}V{y + 22}M{x + 10} {y + 16}l-8 -1l4 -6z" {INK}/>'
    yield f'<rect x="{x + 20}" y="{y - 34}" width="28" height="20" fill="#eceff1" stroke="#212121" stroke-width="2"/>'
    yield f'<path d="M{x + 48} {y - 24}H{x + 60}" {INK}/>'
    yield _text(x + 62, y - 20, "5 V", 12)
    yield _ground(x + 10, y + 22)


def _box(branch: Branch, y: int) -> Iterator[str]:
    """A board of its own: signal, supply and ground."""
    x, name = LOAD_X - 20, "IN" if branch.output else "OUT"
    yield f'<rect x="{x}" y="{y - 20}" width="60" height="40" fill="#eceff1" stroke="#212121" stroke-width="2"/>'
    yield _text(x + 5, y + 4, name, 12)
    yield f'<path d="M{x + 60} {y - 12}H{x + 80}M{x + 60} {y + 12}H{x + 72}" {INK}/>'
    yield _text(x + 82, y - 8, "5 V", 12)
    yield _ground(x + 72, y + 12)


def _button(_: Branch, y: int) -> Iterator[str]:
    x = LOAD_X
    yield f'<path d="M{x - 20} {y}L{x + 8} {y - 14}M{x + 14} {y}H{x + 40}" {INK}/>'
    yield f'<circle cx="{x - 20}" cy="{y}" r="3" fill="#212121"/><circle cx="{x + 14}" cy="{y}" r="3" fill="#212121"/>'
    yield _ground(x + 40, y)


_SYMBOLS = {"lamp": _lamp, "transistor": _transistor, "box": _box, "button": _button}


def _ground(x: int, y: int) -> str:
    """Hanging on a wire that ends at this point."""
    return f'<path d="M{x} {y}v14M{x - 12} {y + 14}h24M{x - 7} {y + 19}h14M{x - 3} {y + 24}h6" {INK}/>'


def _text(x: int, y: int, text: str, size: int, colour: str = "#212121") -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}">{escape(text)}</text>'


def pins() -> str:
    """One row for each branch."""
    rows = (
        (branch.en, "output" if branch.output else "input", f"{branch.pin} ({PIN_OF_BCM[branch.pin]})", branch.resistor)
        for branch in BRANCHES
    )
    return table(("part", "direction", "GPIO (header pin)", "resistor"), rows)


BLOCKS: Blocks = {"reference/hardware.md": {"pins": pins}}
FILES: Files = {"images/wiring.svg": wiring}
