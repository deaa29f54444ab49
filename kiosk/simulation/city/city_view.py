"""The terminal view of the city: every gate with its state and its records, the enrolment of the seventh, and the pages."""

from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from kiosk.simulation.city.city_demo import CityDemo
from kiosk.simulation.city.enrolment_scene import SceneStage
from kiosk.simulation.city.first_rows import ACCOUNT, CityPlace
from kiosk.simulation.terminal_view import NO_RESPONSE, ViewLanguages
from mqtt.centre.ingest.database import open_query

COLUMNS = ("ward", "site", "gate", "state", "on-disk", "at-centre")


@dataclass(frozen=True, slots=True)
class GateRow:
    """One gate."""

    place: CityPlace
    state: str
    """State of its daemon, or NO_RESPONSE."""
    on_disk: int
    at_centre: int


@dataclass(frozen=True, slots=True)
class CityState:
    """All data of the view at one moment."""

    rows: tuple[GateRow, ...]
    stage: SceneStage
    words: Mapping[str, str]
    """Of the seventh gate, by language."""
    picture: str
    page_url: str
    password: str


def read_city(demo: CityDemo) -> CityState:
    """Look at gates and centre. Raises LedgerError."""
    received = _received(demo.database)
    rows = []
    for gate in demo.gates:
        status = gate.status()
        place = gate.place
        counted = received.get(place.wire_name, 0)
        rows.append(GateRow(place, str(status.get("state", NO_RESPONSE)), int(status.get("seq", 0)), counted))
    scene = demo.scene
    return CityState(tuple(rows), scene.stage, scene.words, str(scene.picture), demo.page_url, demo.password)


def _received(database: str) -> Mapping[str, int]:
    """Records at the centre, by SITE/DEVICE."""
    with open_query(database) as query:
        rows = query(
            "SELECT device.site, device.device, total(last_seq - first_seq + 1) AS events FROM seq_range "
            "JOIN stream ON stream.number = seq_range.stream JOIN device ON device.number = stream.device "
            "GROUP BY device.site, device.device"
        )
    return {f"{row['site']}/{row['device']}": int(row["events"]) for row in rows}


def render_city(state: CityState, columns: int, lines: int) -> RenderableType:
    """The whole view, at most `lines` - 1 lines high. The address of the pages and how to end are always there."""
    words = ViewLanguages.for_width(columns)
    foot = _foot(state, words)
    stage = _stage(state, words)
    left = lines - 1 - len(foot)
    parts: list[RenderableType] = []
    if left >= len(state.rows) + 3:
        parts.append(_gates(state, words))
        left -= len(state.rows) + 3
    if left >= len(stage):
        parts += stage
    return Group(*parts, *foot)


def _gates(state: CityState, words: ViewLanguages) -> RenderableType:
    table = Table(expand=True, box=None, header_style="dim")
    for name in COLUMNS:
        is_number = name in {"on-disk", "at-centre"}
        table.add_column(words.own(f"city.{name}"), no_wrap=True, justify="right" if is_number else "left")
    for row in state.rows:
        label = words.own(f"lamp.{row.state}")
        place = row.place
        table.add_row(place.ward, place.site_title, place.device, label, str(row.on_disk), str(row.at_centre))
    return Panel(table, title=words.own("city.title"), height=len(state.rows) + 3)


def _stage(state: CityState, words: ViewLanguages) -> list[Text]:
    """What happens with the seventh gate, one line for each language."""
    name = state.rows[-1].place.wire_name
    lines = []
    for t in words.translators():
        values = {"name": name, "words": state.words.get(t.language, ""), "path": state.picture}
        lines.append(_one_line(Text(f" {t(f'demo.city.stage.{state.stage}', **values)}", style="bold")))
    return lines


def _foot(state: CityState, words: ViewLanguages) -> list[Text]:
    address = Text.assemble((f" {words.own('city.pages')}: ", "dim"), (state.page_url, f"link {state.page_url}"))
    account = Text(f" {words.own('city.account')}: {ACCOUNT}   {state.password}")
    end = Text(f" Ctrl-C: {words.own('stop')}", style="dim")
    return [_one_line(line) for line in (address, account, end)]


def _one_line(line: Text) -> Text:
    line.no_wrap, line.overflow = True, "ellipsis"
    return line
