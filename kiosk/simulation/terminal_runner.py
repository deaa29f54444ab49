"""Shows a demo in the terminal: a live view in a terminal, one line per decision otherwise."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live

from kiosk.simulation.demo import Demo
from kiosk.simulation.terminal_view import (
    NO_RESPONSE,
    PICTURE_COLUMNS,
    PICTURE_LINES,
    TerminalRow,
    TerminalState,
    render_view,
)
from mqtt.centre.ingest.ledger import LedgerCounts
from mqtt.centre.sqlite.ledger import read_counts

DECISION_SHOWN_S = 2.5
DRAW_INTERVAL_S = 0.1
NO_VISITOR, UNKNOWN_VISITOR = "none", "unknown"


def run_in_terminal(demo: Demo, console: Console, *, once: bool) -> RenderableType | None:
    """Play the demo once, or until Ctrl-C (KeyboardInterrupt). Returns the last view that shows a decision."""
    screen = _TerminalScreen(demo, console)
    if once and console.quiet:
        demo.run_once()
        return None
    with Live(screen.render(None), console=console, auto_refresh=False) as live:

        def refresh(found: dict[str, Any] | None) -> None:
            if screen.needs_redraw():
                live.update(screen.render(found), refresh=True)

        if once:
            demo.run_once(on_poll=refresh)
            live.update(screen.render(demo.read_status()), refresh=True)
        else:
            _run_forever(demo, refresh)
    if not console.is_terminal:  # rich ends the line of a live view in a terminal only
        console.print()
    return screen.last_decision_view


def _run_forever(demo: Demo, refresh: Callable[[dict[str, Any] | None], None]) -> None:
    while True:
        refresh(demo.poll())


def save_svg(view: RenderableType, target: Path) -> None:
    """Save a view as an SVG image of a terminal."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123  a device, not a path of ours
        console = Console(record=True, width=PICTURE_COLUMNS, file=nowhere, force_terminal=True)
        console.print(view)
        target.write_text(console.export_svg(title="make demo"), encoding="utf-8")


class _TerminalScreen:
    """Combines the status, the scenario and the centre's counts."""

    def __init__(self, demo: Demo, console: Console) -> None:
        self._demo = demo
        self._console = console
        self._drawn_s = 0.0
        self._counts = LedgerCounts(0, 0, 0, 0)
        self._newest = 0
        self._newest_s = 0.0
        self.last_decision_view: RenderableType | None = None

    def needs_redraw(self) -> bool:
        """Ten frames per second look smooth."""
        return time.monotonic() - self._drawn_s >= DRAW_INTERVAL_S

    def render(self, found: dict[str, Any] | None) -> RenderableType:
        """Render one view."""
        self._drawn_s = time.monotonic()
        self._counts = read_counts(self._demo.sandbox.centre_database)
        scene = self._state(found)
        view = render_view(scene, *self._size())
        visitor = self._demo.scenario.current_visitor()
        if scene.is_decision_shown and visitor and visitor.codes:
            self.last_decision_view = view
        return view

    def _size(self) -> tuple[int, int]:
        """Columns and lines. A window may be resized at any time."""
        if self._console.is_terminal:
            return self._console.width, self._console.height
        return PICTURE_COLUMNS, PICTURE_LINES

    def _state(self, found: dict[str, Any] | None) -> TerminalState:
        shown = found["recent_decisions"] if found else []
        number = shown[-1]["number"] if shown else 0
        if number != self._newest:
            self._newest, self._newest_s = number, time.monotonic()
        return TerminalState(
            visitor=self._visitor(),
            state=found["state"] if found else NO_RESPONSE,
            rows=[self._row(each) for each in shown],
            is_decision_shown=bool(shown) and time.monotonic() - self._newest_s < DECISION_SHOWN_S,
            recorded=found["seq"] if found else 0,
            pending=found["outbox"]["backlog_size"] if found else 0,
            received=self._counts.distinct,
            duplicates=self._counts.duplicates,
            connected=bool(found and found["uplink"]["connected"]),
            page_url=self._demo.page_url,
            log_folder=str(self._demo.sandbox.folder),
        )

    def _visitor(self) -> str:
        if not self._demo.scenario.turns and not self._demo.is_simulated:
            return UNKNOWN_VISITOR
        visitor = self._demo.scenario.current_visitor()
        return visitor.description if visitor else NO_VISITOR

    def _row(self, shown: dict[str, Any]) -> TerminalRow:
        turn = next(
            (turn for turn in reversed(self._demo.scenario.turns) if turn.contains(shown["frame_number"])), None
        )
        visitor = turn.visitor.description if turn else UNKNOWN_VISITOR
        return TerminalRow(visitor, shown["outcome"], shown["reason"], shown["direction"], shown["latency_ms"])
