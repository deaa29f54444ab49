"""`kiosk demo`: run the whole system with synthetic people."""

import json
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from kiosk.simulation.city.city_demo import CityDemo
from kiosk.simulation.city.city_terminal import run_city
from kiosk.simulation.demo import Demo
from kiosk.simulation.sandbox import signals_as_interrupts, temporary_sandbox
from kiosk.simulation.terminal_runner import run_in_terminal, save_svg
from kiosk.simulation.visitors import fast_timing, slow_timing
from kiosk.system.translations import in_all_languages

ONCE_FRAMES_PER_S = 60.0
LIVE_FRAMES_PER_S = 15.0
CITY_FRAMES_PER_S = 4.0
"""Seven gates on one machine: each takes little, and still reads every visitor."""


@click.command()
@click.option(
    "--once",
    is_flag=True,
    help="Play the scenario once, as fast as it decodes. Exit 0 if every decision was correct and no event was lost or duplicated.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="With --once: print nothing but the verdict, as one line of JSON."
)
@click.option(
    "--camera", metavar="SOURCE", help="Your own camera instead of synthetic people: webcam:0, or replay:FOLDER."
)
@click.option(
    "--trust",
    type=(click.Path(path_type=Path, exists=True), click.Path(path_type=Path, exists=True)),
    metavar="LIST ROOT",
    help="A trust list of your own and the public key that signed it, as `kiosk issue` writes them.",
)
@click.option(
    "--picture", type=click.Path(path_type=Path), help="With --once: save the terminal view as an SVG picture."
)
@click.option(
    "--city",
    is_flag=True,
    help="A small city: a centre with its pages, two wards, six gates, and a seventh that enrols.",
)
def demo(
    *, once: bool, as_json: bool, camera: str | None, trust: tuple[Path, Path] | None, picture: Path | None, city: bool
) -> None:
    """Start a broker, a centre, the kiosk and the page, put synthetic people in front of the camera, and show what happens."""
    if city and (camera or trust or picture):
        raise click.UsageError("--city goes with --once and --json only")
    if once and camera:
        raise click.UsageError("--once plays synthetic people; it has no use for --camera")
    if as_json and not once:
        raise click.UsageError("--json goes with --once")
    if city:
        _run_city(Console(quiet=as_json), once=once)
        return
    pace = fast_timing(ONCE_FRAMES_PER_S) if once else slow_timing(LIVE_FRAMES_PER_S)
    console = Console(quiet=as_json)
    with ExitStack() as exit_stack:
        exit_stack.enter_context(signals_as_interrupts())
        sandbox = exit_stack.enter_context(temporary_sandbox())
        running_demo = Demo(
            sandbox,
            pace,
            loop=not once,
            camera=camera,
            window_s=1.0 if once else 3.0,
            trust=_absolute(trust),
            on_start=partial(_show_start, console),
        )
        try:
            with running_demo:
                view = run_in_terminal(running_demo, console, once=once)
        except KeyboardInterrupt:
            console.print(" · ".join(in_all_languages("demo.ended")))
            return
        if picture and view:
            save_svg(view, picture)
        verdict = running_demo.check_result()
        click.echo(json.dumps(verdict.as_json()))
        sys.exit(0 if verdict.is_ok else 1)


def _show_start(console: Console, name: str) -> None:
    console.print(f"[dim]{' · '.join(in_all_languages('demo.starting', name=name))}[/dim]")


def _absolute(trust: tuple[Path, Path] | None) -> tuple[Path, Path] | None:
    return (trust[0].absolute(), trust[1].absolute()) if trust else None


def _run_city(console: Console, *, once: bool) -> None:
    """Raises KioskError."""
    timing = fast_timing(CITY_FRAMES_PER_S) if once else slow_timing(CITY_FRAMES_PER_S)
    with signals_as_interrupts(), tempfile.TemporaryDirectory(prefix="entrance-kiosk-") as folder:
        running = CityDemo(
            Path(folder),
            timing,
            window_s=1.0 if once else 6.0,
            pause_s=0.0 if once else 6.0,
            on_start=partial(_show_start, console),
        )
        try:
            with running:
                found = run_city(running, console, once=once)
        except KeyboardInterrupt:
            console.print(" · ".join(in_all_languages("demo.ended")))
            return
    click.echo(
        json.dumps(
            {
                "gates": len(found.rows),
                "enrolled": found.stage,
                "on_disk": sum(row.on_disk for row in found.rows),
                "at_centre": sum(row.at_centre for row in found.rows),
            }
        )
    )
