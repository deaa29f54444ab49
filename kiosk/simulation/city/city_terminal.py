"""Shows the city in the terminal: until Ctrl-C, or once until every gate has sent a record and the seventh is enrolled."""

import time

from rich.console import Console
from rich.live import Live

from kiosk.core.ports import KioskError
from kiosk.simulation.city.city_demo import CityDemo
from kiosk.simulation.city.city_view import CityState, read_city, render_city
from kiosk.simulation.terminal_view import PICTURE_COLUMNS, PICTURE_LINES

DRAW_INTERVAL_S = 1.0
ONCE_TIMEOUT_S = 300.0


def run_city(demo: CityDemo, console: Console, *, once: bool) -> CityState:
    """Play the demo once, or until Ctrl-C (KeyboardInterrupt). Raises KioskError if one gate does not come so far."""
    drawn_s, ends_s = 0.0, time.monotonic() + ONCE_TIMEOUT_S
    with Live(console=console, auto_refresh=False) as live:
        while not (once and demo.is_complete):
            demo.poll()
            if time.monotonic() - drawn_s >= DRAW_INTERVAL_S and not console.quiet:
                drawn_s = time.monotonic()
                live.update(render_city(read_city(demo), *_size(console)), refresh=True)
            if once and time.monotonic() > ends_s:
                raise KioskError(f"not complete after {ONCE_TIMEOUT_S:.0f} s: {read_city(demo)}")
        found = read_city(demo)
        live.update(render_city(found, *_size(console)), refresh=True)
    return found


def _size(console: Console) -> tuple[int, int]:
    """Columns and lines. A window may be resized at any time."""
    return (console.width, console.height) if console.is_terminal else (PICTURE_COLUMNS, PICTURE_LINES)
