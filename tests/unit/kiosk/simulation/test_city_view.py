"""The view of the city at any size of a terminal, and the scene in which the seventh gate enrols."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from kiosk.simulation.city.city_view import CityState, GateRow, render_city
from kiosk.simulation.city.enrolment_scene import SceneStage
from kiosk.simulation.city.first_rows import NEW_PLACE, PLACES

URL = "http://127.0.0.1:41234/"
STATE = CityState(
    rows=tuple(GateRow(place, "ready", 12, 12) for place in (*PLACES, NEW_PLACE)),
    stage=SceneStage.WORDS, words={"vi": "sông núi bàn ghế", "en": "river hill desk chair"}, picture="enrolment-code.png",
    page_url=URL, password="0a1b-2c3d-4e5f",
)  # fmt: skip


def shown(columns: int, lines: int) -> list[str]:
    console = Console(file=io.StringIO(), width=columns, height=lines, force_terminal=True, color_system=None)
    with console.capture() as captured:
        console.print(render_city(STATE, columns, lines))
    return captured.get().splitlines()


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (118, 40)])
def test_a_usual_terminal_shows_every_gate_the_words_and_how_to_sign_in(
    columns: int, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    text = "\n".join(shown(columns, lines))
    for place in (*PLACES, NEW_PLACE):
        assert place.site_title in text
        assert place.device in text
    assert text.count("READY") == 7
    for word in (URL, "0a1b-2c3d-4e5f", "Ctrl-C: ", "river hill desk chair"):
        assert word in text, word


@given(columns=st.integers(60, 220), lines=st.integers(6, 70))
def test_address_account_and_end_are_shown_at_any_size(columns: int, lines: int) -> None:
    found = shown(columns, lines)
    assert len(found) <= lines - 1
    for word in (URL, "0a1b-2c3d-4e5f", "Ctrl-C: "):
        assert any(word in line for line in found), word


def test_two_wards_have_three_gates_each_and_the_seventh_is_new() -> None:
    wards = {ward: sum(place.ward == ward for place in PLACES) for ward in {place.ward for place in PLACES}}
    assert sorted(wards.values()) == [3, 3]
    assert len({place.wire_name for place in (*PLACES, NEW_PLACE)}) == 7
