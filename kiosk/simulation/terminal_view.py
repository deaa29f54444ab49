"""The terminal view of a demo: the visitor, the lamp with its reason, and where the events are."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.align import Align
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from kiosk.core.model import DeviceState, Outcome
from kiosk.system.translations import in_all_languages

NO_RESPONSE = "no-response"


@dataclass(frozen=True, slots=True)
class TerminalRow:
    """One decision in words."""

    visitor: str
    """Message `demo.visitor.VISITOR` of the catalogues."""
    outcome: str
    reason: str
    direction: str | None
    latency_ms: float


@dataclass(frozen=True, slots=True)
class TerminalState:
    """All data of the view at one moment."""

    visitor: str
    """Message `demo.visitor.VISITOR` of the catalogues."""
    state: str
    """The daemon's state, or NO_RESPONSE."""
    rows: Sequence[TerminalRow]
    """Newest last."""
    is_decision_shown: bool
    """The newest decision is still on the lamp."""
    recorded: int
    pending: int
    received: int
    duplicates: int
    connected: bool
    page_url: str
    log_folder: str


_LAMPS: dict[str, tuple[str, str]] = {  # shape and colour: never colour alone
    Outcome.PASS.value: ("✔", "black on green"),
    Outcome.FAIL.value: ("✖", "white on red"),
    Outcome.CHECK_AGAIN.value: ("●", "black on yellow"),
    DeviceState.READY.value: ("○", "green"),
    DeviceState.DEGRADED.value: ("◐", "yellow"),
    DeviceState.STARTING.value: ("…", "cyan"),
    DeviceState.OUT_OF_ORDER.value: ("⚠", "white on red"),
    DeviceState.NOT_ENROLLED.value: ("□", "yellow"),
    DeviceState.ENROLLING.value: ("…", "yellow"),
    DeviceState.ENROLMENT_OFFLINE.value: ("⚠", "red"),
    NO_RESPONSE: ("?", "white on red"),
}
_ARROWS = {"in": "→", "out": "←"}


def render_view(state: TerminalState) -> RenderableType:
    """The whole view."""
    top = Table.grid(expand=True)
    top.add_column(ratio=1)
    top.add_column(ratio=1)
    top.add_row(_gate(state), _records(state))
    foot = Text.assemble(
        (f" {_both('page')}: ", "dim"),
        (state.page_url, f"link {state.page_url}"),
        (f"    Ctrl-C: {_both('stop')}    log: {state.log_folder}", "dim"),
    )
    return Group(top, _decisions(state.rows), foot)


def _both(msgid: str) -> str:
    return " · ".join(in_all_languages(f"demo.{msgid}"))


def _gate(state: TerminalState) -> RenderableType:
    newest = state.rows[-1] if state.rows else None
    shown = newest.outcome if newest and state.is_decision_shown else state.state
    shape, style = _LAMPS[shown]
    lamp = Align.center(Text(f"  {shape}  {_both(f'lamp.{shown}')}  ", style=f"bold {style}"))
    first, *others = in_all_languages(f"demo.visitor.{state.visitor}")
    visitor = Text.assemble((f"{_both('at-gate')}\n", "dim"), (f"{first}\n", "bold"), "\n".join(others))
    why = Text("\n")
    if newest and state.is_decision_shown:
        first, *others = in_all_languages(f"reason.{newest.reason}")
        why = Text.assemble((first, "bold"), *(f"\n{other}" for other in others))
    return Panel(Group(visitor, Text(), lamp, Text(), why), title=_both("gate"), height=12)


def _records(state: TerminalState) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(justify="right", style="bold")
    table.add_row(_both("recorded"), str(state.recorded))
    table.add_row(_both("pending"), str(state.pending))
    table.add_row(_both("received"), str(state.received))
    table.add_row(_both("duplicates"), str(state.duplicates))
    table.add_row(_both("broker"), _both("connected") if state.connected else _both("disconnected"))
    return Panel(table, title=_both("records"), height=12)


def _decisions(rows: Sequence[TerminalRow]) -> RenderableType:
    table = Table(expand=True, box=None, header_style="dim")
    table.add_column("")
    for column, ratio in (("visitor", 3), ("reason", 4), ("direction", 1)):
        table.add_column(_both(f"column.{column}"), ratio=ratio)
    table.add_column("ms", justify="right")
    for line in reversed(rows[-6:]):  # newest on top; older ones are cut off below
        shape, style = _LAMPS[line.outcome]
        table.add_row(
            Text(f" {shape} ", style=style),
            _both(f"visitor.{line.visitor}"),
            " · ".join(in_all_languages(f"reason.{line.reason}")),
            _direction(line.direction) if line.direction else "",
            f"{line.latency_ms:.0f}",
        )
    return Panel(table, title=_both("decisions"), height=14)


def _direction(direction: str) -> str:
    return f"{_ARROWS[direction]} {' · '.join(in_all_languages(f'direction.{direction}'))}"
