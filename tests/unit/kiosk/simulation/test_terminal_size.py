"""The view of the demo at any size of a terminal: address and Ctrl-C are always there, and nothing is higher than the terminal."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from kiosk.simulation.terminal_view import TerminalRow, TerminalState, render_view

URL = "http://127.0.0.1:41234/"
ROWS = [
    TerminalRow("none", "pass", "ok", "in", 41.0),
    TerminalRow("none", "fail", "bad-signature", None, 12.0),
    TerminalRow("none", "check-again", "multiple-codes", None, 12.0),
] * 3


def shown(columns: int, lines: int, rows: int = 9) -> list[str]:
    """The lines of a terminal of this size."""
    state = TerminalState(
        visitor="none", state="ready", rows=ROWS[:rows], is_decision_shown=bool(rows), recorded=12, pending=0,
        received=12, duplicates=0, connected=True, page_url=URL, log_folder="entrance-kiosk-abcdefgh",
    )  # fmt: skip
    console = Console(file=io.StringIO(), width=columns, height=lines, force_terminal=True, color_system=None)
    with console.capture() as captured:
        console.print(render_view(state, columns, lines))
    return captured.get().splitlines()


@pytest.mark.parametrize("rows", [0, 9])
def test_a_terminal_of_80_by_24_shows_gate_decisions_address_and_how_to_end(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "vi_VN.UTF-8")
    found = shown(80, 24, rows)
    text = "\n".join(found)
    assert len(found) <= 23
    assert URL in text
    assert "Ctrl-C: " in text
    assert text.count("╭") == 3, "gate, records and decisions"
    assert " · " not in text, "one language"
    assert "Bản ghi" in text


def test_a_wide_terminal_shows_all_languages() -> None:
    text = "\n".join(shown(118, 40))
    assert " · " in text
    assert URL in text


@given(columns=st.integers(40, 220), lines=st.integers(6, 70), rows=st.integers(0, 9))
def test_address_and_end_are_shown_at_any_size(columns: int, lines: int, rows: int) -> None:
    found = shown(columns, lines, rows)
    assert len(found) <= lines - 1
    assert any(URL in line for line in found)
    assert any("Ctrl-C: " in line for line in found)
    assert all(len(line.rstrip()) <= columns for line in found)
