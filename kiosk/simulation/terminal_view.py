"""The terminal view of a demo: the visitor, the lamp with its reason, and where the events are."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.align import Align
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from kiosk.core import messages
from kiosk.core.model import DeviceState, Outcome, Reason


@dataclass(frozen=True, slots=True)
class TerminalRow:
    """One decision in words."""

    visitor_vi: str
    visitor_en: str
    outcome: str
    reason: str
    direction: str | None
    took_ms: float


@dataclass(frozen=True, slots=True)
class TerminalState:
    """All data of the view at one moment."""

    visitor_vi: str
    visitor_en: str
    state: str
    """The daemon's state, or an empty string while it does not respond."""
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


_LAMPS: dict[str, tuple[str, str, str]] = {  # shape, word, colour: never colour alone
    Outcome.PASS.value: ("✔", "MỜI QUA · PASS", "black on green"),
    Outcome.FAIL.value: ("✖", "KHÔNG ĐƯỢC QUA · STOP", "white on red"),
    Outcome.CHECK_AGAIN.value: ("●", "XEM LẠI · LOOK AGAIN", "black on yellow"),
    DeviceState.READY.value: ("○", "SẴN SÀNG · READY", "green"),
    DeviceState.DEGRADED.value: ("◐", "SẴN SÀNG, CẦN XEM · READY, NEEDS CARE", "yellow"),
    DeviceState.STARTING.value: ("…", "ĐANG KHỞI ĐỘNG · STARTING", "cyan"),
    DeviceState.OUT_OF_ORDER.value: ("⚠", "HỎNG · OUT OF ORDER", "white on red"),
    "": ("?", "KHÔNG TRẢ LỜI · NO ANSWER FROM THE KIOSK", "white on red"),
}
_ARROWS = {"in": "→ vào · in", "out": "← ra · out"}


def render_view(state: TerminalState) -> RenderableType:
    """The whole view."""
    top = Table.grid(expand=True)
    top.add_column(ratio=1)
    top.add_column(ratio=1)
    top.add_row(_gate(state), _records(state))
    foot = Text.assemble(
        (" Trang · page: ", "dim"),
        (state.page_url, f"link {state.page_url}"),
        (f"    Ctrl-C: dừng · stop    log: {state.log_folder}", "dim"),
    )
    return Group(top, _decisions(state.rows), foot)


def _gate(state: TerminalState) -> RenderableType:
    newest = state.rows[-1] if state.rows else None
    shown = newest.outcome if newest and state.is_decision_shown else state.state
    shape, word, style = _LAMPS[shown]
    lamp = Align.center(Text(f"  {shape}  {word}  ", style=f"bold {style}"))
    person = Text.assemble(("Trước cổng · At the gate\n", "dim"), (f"{state.visitor_vi}\n", "bold"), state.visitor_en)
    why = Text("\n")
    if newest and state.is_decision_shown:
        sentence = messages.REASON_TEXTS[Reason(newest.reason)]
        why = Text.assemble((sentence.vi, "bold"), f"\n{sentence.en}")
    return Panel(Group(person, Text(), lamp, Text(), why), title="Cổng · Gate", height=12)


def _records(state: TerminalState) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(justify="right", style="bold")
    table.add_row("Lượt đã ghi · passages on disk", str(state.recorded))
    table.add_row("Chờ gửi · waiting in the outbox", str(state.pending))
    table.add_row("Trung tâm đã nhận · at the centre", str(state.received))
    table.add_row("Gửi lại, đã bỏ · repeats dropped", str(state.duplicates))
    table.add_row("Kết nối · broker", "có · connected" if state.connected else "mất · away")
    return Panel(table, title="Sổ ghi · Records", height=12)


def _decisions(rows: Sequence[TerminalRow]) -> RenderableType:
    table = Table(expand=True, box=None, header_style="dim")
    for heading, ratio in (("", 0), ("Ai · who", 3), ("Vì sao · why", 4), ("Hướng · way", 1), ("ms", 0)):
        table.add_column(heading, ratio=ratio or None, justify="right" if heading == "ms" else "left")
    for line in reversed(rows[-6:]):  # newest on top; older ones are cut off below
        shape, _, style = _LAMPS[line.outcome]
        sentence = messages.REASON_TEXTS[Reason(line.reason)]
        table.add_row(
            Text(f" {shape} ", style=style),
            f"{line.visitor_vi} · {line.visitor_en}",
            f"{sentence.vi} · {sentence.en}",
            _ARROWS.get(line.direction or "", ""),
            f"{line.took_ms:.0f}",
        )
    return Panel(table, title="Trả lời · Answers", height=14)
