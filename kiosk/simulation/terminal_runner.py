"""Shows a demonstration in the terminal: a live view where somebody watches, a line an answer where nobody does."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live

from kiosk.simulation.demo import Demonstration
from kiosk.simulation.terminal_view import Line, Scene, drawn
from mqtt.centre.ingest.ledger import Counts, read_counts

ANSWER_SHOWN_S = 2.5
DRAW_EVERY_S = 0.1
NOBODY = ("Chưa có ai", "nobody")
VISITOR = ("Người trước camera", "whoever stands before the camera")


def show(demo: Demonstration, console: Console, *, once: bool) -> RenderableType | None:
    """Play it: once to its end, or until Ctrl-C (KeyboardInterrupt). Returns the last view in which somebody was answered."""
    screen = _Screen(demo)
    if once and console.quiet:
        demo.play_once()
        return None
    with Live(screen.draw(None), console=console, auto_refresh=False) as live:

        def refresh(found: dict[str, Any] | None) -> None:
            if screen.due():
                live.update(screen.draw(found), refresh=True)

        if once:
            demo.play_once(on_poll=refresh)
            live.update(screen.draw(demo.look()), refresh=True)
        else:
            _for_ever(demo, refresh)
    if not console.is_terminal:  # rich ends the line of a live view in a terminal only
        console.print()
    return screen.telling


def _for_ever(demo: Demonstration, refresh: Callable[[dict[str, Any] | None], None]) -> None:
    while True:
        refresh(demo.turn())


def save_picture(view: RenderableType, target: Path) -> None:
    """Save a view as an SVG picture of a terminal."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123  a device, not a path of ours
        console = Console(record=True, width=118, file=nowhere, force_terminal=True)
        console.print(view)
        target.write_text(console.export_svg(title="make demo"), encoding="utf-8")


class _Screen:
    """Puts the status, the stage and the centre's counts together."""

    def __init__(self, demo: Demonstration) -> None:
        self._played = demo
        self._drawn_s = 0.0
        self._counts = Counts(0, 0, 0, 0)
        self._newest = 0
        self._newest_s = 0.0
        self.telling: RenderableType | None = None
        """The last view in which the lamp answered somebody at the gate."""

    def due(self) -> bool:
        """Ten pictures a second are enough for an eye."""
        return time.monotonic() - self._drawn_s >= DRAW_EVERY_S

    def draw(self, found: dict[str, Any] | None) -> RenderableType:
        """One picture."""
        self._drawn_s = time.monotonic()
        self._counts = read_counts(self._played.premises.centre_database)
        scene = self._scene(found)
        view = drawn(scene)
        visitor = self._played.stage.current()
        if scene.answering and visitor and visitor.codes:
            self.telling = view
        return view

    def _scene(self, found: dict[str, Any] | None) -> Scene:
        shown = found["shown"] if found else []
        number = shown[-1]["number"] if shown else 0
        if number != self._newest:
            self._newest, self._newest_s = number, time.monotonic()
        person = self._person()
        return Scene(
            person_vi=person[0],
            person_en=person[1],
            state=found["state"] if found else "",
            lines=[self._line(each) for each in shown],
            answering=bool(shown) and time.monotonic() - self._newest_s < ANSWER_SHOWN_S,
            recorded=found["seq"] if found else 0,
            waiting=found["outbox"]["depth"] if found else 0,
            received=self._counts.distinct,
            doubled=self._counts.doubled,
            connected=bool(found and found["uplink"]["connected"]),
            page=self._played.page,
            log_folder=str(self._played.premises.folder),
        )

    def _person(self) -> tuple[str, str]:
        if not self._played.stage.turns and not self._played.staged:
            return VISITOR
        visitor = self._played.stage.current()
        return (visitor.vi, visitor.en) if visitor else NOBODY

    def _line(self, shown: dict[str, Any]) -> Line:
        turn = next((turn for turn in reversed(self._played.stage.turns) if turn.holds(shown["frame"])), None)
        who = (turn.visitor.vi, turn.visitor.en) if turn else VISITOR
        return Line(*who, shown["outcome"], shown["reason"], shown["direction"], shown["took_ms"])
