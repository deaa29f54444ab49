"""The terminal view of a demo: the visitor, the lamp with its reason, and where the events are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from rich.align import Align
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from kiosk.core.model import DeviceState, Outcome
from kiosk.system.translations import Translator, in_reading_order, languages, terminal_language, translator

NO_RESPONSE = "no-response"
PICTURE_COLUMNS, PICTURE_LINES = 118, 40
"""Size of the view in pictures."""
ALL_LANGUAGES_COLUMNS = 100
"""From this width on, each message has room for all languages."""
MAX_ROWS, DECISION_LINES = 6, 14
_DECISION_FRAME = 3
"""Border and headings of the table, in lines."""


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


def render_view(state: TerminalState, columns: int = PICTURE_COLUMNS, lines: int = PICTURE_LINES) -> RenderableType:
    """The whole view, at most `lines` - 1 lines high: the cursor of a live view needs the last one.

    Where it is too narrow for all languages, it has that of the terminal. The address of the pages and how to end are always there.
    """
    words = ViewLanguages.for_width(columns)
    top_height = 7 + 2 * words.per_message + (1 if words.per_message > 1 else 0)
    foot = _foot(state, words, columns)
    left = lines - 1 - len(foot)
    parts: list[RenderableType] = []
    if left >= top_height:
        top = Table.grid(expand=True)
        top.add_column(ratio=1)
        top.add_column(ratio=1)
        top.add_row(_gate(state, words, top_height), _records(state, words, top_height))
        parts.append(top)
        left -= top_height
    if left >= _DECISION_FRAME + 1:
        parts.append(_decisions(state.rows, words, min(left, DECISION_LINES)))
    return Group(*parts, *foot)


@dataclass(frozen=True, slots=True)
class ViewLanguages:
    """Messages in some languages, or in all."""

    languages: tuple[str, ...]
    """Empty: all."""

    @classmethod
    def for_width(cls, columns: int) -> Self:
        """All languages where they have room, else that of the terminal."""
        return cls(() if columns >= ALL_LANGUAGES_COLUMNS else (terminal_language(),))

    @property
    def per_message(self) -> int:
        """How many texts a message has."""
        return len(self.languages) or len(languages())

    def translators(self) -> tuple[Translator, ...]:
        """Of each language."""
        return tuple(translator(each) for each in self.languages or in_reading_order())

    def texts(self, msgid: str, **values: object) -> tuple[str, ...]:
        """The message in each language."""
        return tuple(t(msgid, **values) for t in self.translators())

    def line(self, msgid: str, **values: object) -> str:
        """The same on one line."""
        return " · ".join(self.texts(msgid, **values))

    def own(self, msgid: str, **values: object) -> str:
        """A message of the demo on one line."""
        return self.line(f"demo.{msgid}", **values)


def _foot(state: TerminalState, words: ViewLanguages, columns: int) -> list[Text]:
    """Address and end on one line, or on two where it is narrow."""
    address = Text.assemble((f" {words.own('page')}: ", "dim"), (state.page_url, f"link {state.page_url}"))
    end = Text(f" Ctrl-C: {words.own('stop')}    log: {state.log_folder}", style="dim")
    lines = [Text.assemble(address, "   ", end)] if columns >= ALL_LANGUAGES_COLUMNS else [address, end]
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    return lines


def _gate(state: TerminalState, words: ViewLanguages, height: int) -> RenderableType:
    newest = state.rows[-1] if state.rows else None
    shown = newest.outcome if newest and state.is_decision_shown else state.state
    shape, style = _LAMPS[shown]
    lamp = Align.center(Text(f"  {shape}  {words.own(f'lamp.{shown}')}  ", style=f"bold {style}"))
    first, *others = words.texts(f"demo.visitor.{state.visitor}")
    visitor = Text.assemble((f"{words.own('at-gate')}\n", "dim"), (first, "bold"), *(f"\n{other}" for other in others))
    why = Text()
    if newest and state.is_decision_shown:
        first, *others = words.texts(f"reason.{newest.reason}")
        why = Text.assemble((first, "bold"), *(f"\n{other}" for other in others))
    return Panel(Group(visitor, Text(), lamp, Text(), why), title=words.own("gate"), height=height)


def _records(state: TerminalState, words: ViewLanguages, height: int) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(justify="right", style="bold")
    table.add_row(words.own("recorded"), str(state.recorded))
    table.add_row(words.own("pending"), str(state.pending))
    table.add_row(words.own("received"), str(state.received))
    table.add_row(words.own("duplicates"), str(state.duplicates))
    table.add_row(words.own("broker"), words.own("connected") if state.connected else words.own("disconnected"))
    return Panel(table, title=words.own("records"), height=height)


def _decisions(rows: Sequence[TerminalRow], words: ViewLanguages, height: int) -> RenderableType:
    table = Table(expand=True, box=None, header_style="dim")
    table.add_column("")
    for column, ratio in (("visitor", 3), ("reason", 4), ("direction", 1)):
        table.add_column(words.own(f"column.{column}"), ratio=ratio)
    table.add_column("ms", justify="right")
    for line in reversed(rows[-MAX_ROWS:]):  # newest on top; older ones are cut off below
        shape, style = _LAMPS[line.outcome]
        table.add_row(
            Text(f" {shape} ", style=style),
            words.own(f"visitor.{line.visitor}"),
            words.line(f"reason.{line.reason}"),
            _direction(line.direction, words) if line.direction else "",
            f"{line.latency_ms:.0f}",
        )
    return Panel(table, title=words.own("decisions"), height=height)


def _direction(direction: str, words: ViewLanguages) -> str:
    return f"{_ARROWS[direction]} {words.line(f'direction.{direction}')}"
