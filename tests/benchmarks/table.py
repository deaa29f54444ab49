"""Rows of benchmark tables, printed and saved."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

FOLDER = Path("build/bench")


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. `ratio` is value / reference. `met`: the goal (such as `<= 0.10`) was reached."""

    measure: str
    value: float | int | str
    unit: str = ""
    reference: float | int | str | None = None
    """Value of the reference in the same run, or a text that names the reference."""
    ratio: float | None = None
    goal: str | None = None
    met: bool | None = None


def goal_row(
    measure: str, value: float, unit: str, goal: str, *, reference: float | None = None, ratio: float | None = None
) -> Row:
    """A row with a goal such as `>= 88` or `<= 0.10`, for the ratio if there is one, else for the value."""
    sign, _, bound = goal.partition(" ")
    judged = value if ratio is None else ratio
    met = judged >= float(bound) if sign == ">=" else judged <= float(bound)
    return Row(measure, value, unit, reference, ratio, goal, met)


def show(name: str, rows: Sequence[Row]) -> None:
    """Print the table of a benchmark."""
    table = Table(title=name, title_justify="left")
    for column in ("measure", "value", "unit", "reference", "ratio", "goal", "met"):
        table.add_column(column, justify="left" if column in ("measure", "unit", "goal") else "right")
    for row in rows:
        met = "" if row.met is None else ("yes" if row.met else "NO")
        table.add_row(
            row.measure, _cell(row.value), row.unit, _cell(row.reference), _cell(row.ratio), row.goal or "", met
        )
    console = Console()
    Console(width=console.width if console.is_terminal else 170).print(table)


def keep(name: str, rows: Sequence[Row], folder: Path = FOLDER) -> Path:
    """Write the rows as JSON. Returns the path."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}.json"
    target.write_text(json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return target


def _cell(value: float | int | str | None) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
