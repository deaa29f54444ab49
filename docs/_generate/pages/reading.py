"""Makes docs/testing/reading-numbers.md and its pictures from the last run of `make bench BENCH_ARGS=reading`."""

import json
import math
from pathlib import Path
from typing import Any

from docs._generate.blocks import DOCS, IMAGES

SOURCE = Path("build/bench/reading.json")
TABLE = DOCS / "testing" / "reading-numbers.md"
SCATTER = IMAGES / "reading-cost.svg"
BARS = IMAGES / "reading-presentations.svg"
WIDTH, HEIGHT, LEFT, BOTTOM = 760, 400, 70, 60
ENGINES = ("our cascade", "zxing-cpp QR only", "pyzbar QR only")
_BELOW = ("zxing-cpp all formats", "pyzbar default", "OpenCV QRCodeDetectorAruco")  # labels that would lie on another
COLOURS = ("#0b7a4b", "#4464ad", "#b0413e")

Rows = list[dict[str, Any]]


def main() -> None:
    """Write the page and the pictures; without a bench's result, leave them as they are."""
    if not SOURCE.exists():
        print(f"{SOURCE} is not there: run  make bench BENCH_ARGS=reading  first; {TABLE} stays as it is")
        return
    rows: Rows = json.loads(SOURCE.read_text(encoding="utf-8"))
    SCATTER.parent.mkdir(parents=True, exist_ok=True)
    TABLE.write_text(table(rows), encoding="utf-8")
    SCATTER.write_text(scatter(rows), encoding="utf-8")
    BARS.write_text(bars(rows), encoding="utf-8")


def table(rows: Rows) -> str:
    """The bench's rows as a Markdown page."""
    lines = [
        "# Reading: the numbers",
        "",
        "Made by `make docs` from the output of the benchmark. Do not edit. Ratios are of CPU time to the default call of pyzbar",
        "on the same frames in the same run. A CPU 5 and 10 times slower stands for a Pi 4 and a Pi Zero 2 W. These are guesses,",
        "not measurements on them.",
        "",
        "| measure | value | unit | reference | ratio | goal | met |",
        "|---|--:|---|--:|--:|---|---|",
    ]
    for row in rows:
        cells = [row[key] for key in ("measure", "value", "unit", "reference", "ratio", "goal")]
        met = "" if row["met"] is None else "yes" if row["met"] else "**no**"
        lines.append("| " + " | ".join(_cell(cell) for cell in [*cells, met]) + " |")
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("|", "/")


def scatter(rows: Rows) -> str:
    """Share of code frames read against CPU time on empty frames, on a logarithmic scale."""
    points = []
    for row in rows:
        engine, _, what = row["measure"].partition(": ")
        if what == "CPU on empty frames, mean":
            share = next(other["value"] for other in rows if other["measure"] == f"{engine}: code frames read")
            points.append((engine, float(row["ratio"] or 1.0), float(share)))
    parts = [_axes("CPU time on a frame without a code, as a multiple of pyzbar's default call", "code frames read, %")]
    parts += [_text(_log_x(tick), HEIGHT - BOTTOM + 18, f"{tick:g}", "middle") for tick in (0.03, 0.1, 0.3, 1.0)]
    for share in range(20, 101, 20):
        parts.append(_text(LEFT - 8, _y(share) + 4, str(share), "end"))
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - 20}" y1="{_y(share)}" y2="{_y(share)}" stroke="#8884"/>')
    for engine, ratio, share in points:
        colour = COLOURS[0] if engine == "our cascade" else COLOURS[1]
        x, y = _log_x(ratio), _y(share)
        parts.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="6" fill="{colour}"/>')
        anchor = "end" if x > WIDTH * 0.7 else "start"
        parts.append(_text(x + (-10 if anchor == "end" else 10), y + (18 if engine in _BELOW else -8), engine, anchor))
    return _svg(parts, "Share of code frames read against CPU time on empty frames, per engine")


def bars(rows: Rows) -> str:
    """Presentations read within a second and two, per engine and slowness."""
    values = {row["measure"]: float(row["value"]) for row in rows if ": read within" in row["measure"]}
    groups = [(within, slower) for within in (1, 2) for slower in (1, 5, 10)]
    parts = [_axes("", "people read, %, within so many seconds, on a CPU so many times slower")]
    step = (WIDTH - LEFT - 20) / len(groups)
    for i, (within, slower) in enumerate(groups):
        x = LEFT + i * step
        parts.append(_text(x + step / 2, HEIGHT - BOTTOM + 18, f"{within} s, CPU / {slower}", "middle"))
        for j, (engine, colour) in enumerate(zip(ENGINES, COLOURS, strict=True)):
            share = values[f"{engine}: read within {within} s, CPU {slower}x slower"]
            left, top = x + 12 + j * (step - 24) / 3, _y(share)
            parts.append(
                f'<rect x="{left:.0f}" y="{top:.0f}" width="{(step - 30) / 3:.0f}" height="{_y(0) - top:.0f}" fill="{colour}"/>'
            )
            parts.append(_text(left + (step - 30) / 6, top - 4, f"{share:.0f}", "middle"))
    for j, (engine, colour) in enumerate(zip(ENGINES, COLOURS, strict=True)):
        parts.append(f'<rect x="{LEFT + j * 190}" y="{HEIGHT - 24}" width="12" height="12" fill="{colour}"/>')
        parts.append(_text(LEFT + 18 + j * 190, HEIGHT - 13, engine, "start"))
    return _svg(parts, "Share of presentations read within one and two seconds, per engine and slowness of the CPU")


def _log_x(ratio: float) -> float:
    return LEFT + (WIDTH - LEFT - 60) * (math.log10(ratio) - math.log10(0.02)) / (math.log10(1.6) - math.log10(0.02))


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - 30) * share / 100


def _axes(x: str, y: str) -> str:
    floor = HEIGHT - BOTTOM
    return (
        f'<path d="M{LEFT} 20V{floor}H{WIDTH - 20}" fill="none" stroke="currentColor"/>'
        + _text((WIDTH + LEFT) / 2, HEIGHT - 16, x, "middle")
        + _text(LEFT, 14, y, "start")
    )


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-size="12" fill="currentColor">{words}</text>'


def _svg(parts: list[str], title: str) -> str:
    body = "\n".join(parts)
    style = "font-family:sans-serif;color:#333;background:#fff"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" style="{style}">'
    return f"{head}\n<title>{title}</title>\n{body}\n</svg>\n"


if __name__ == "__main__":
    main()
