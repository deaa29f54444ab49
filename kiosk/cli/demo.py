"""`kiosk demo`: watch the real product at work."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console

from kiosk.simulation.demo import Demonstration
from kiosk.simulation.sandbox import ended_by_signals, scratch_premises
from kiosk.simulation.terminal_runner import save_picture, show
from kiosk.simulation.visitors import calm_pace, hasty_pace

ONCE_FRAMES_PER_S = 60.0
LIVE_FRAMES_PER_S = 15.0


@click.command()
@click.option(
    "--once",
    is_flag=True,
    help="Play the queue of people once, as fast as it decodes; exit 0 if all went as it should.",
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
def demo(
    *, once: bool, as_json: bool, camera: str | None, trust: tuple[Path, Path] | None, picture: Path | None
) -> None:
    """Start a broker, a centre, the kiosk and the page, put synthetic people in front of the camera, and show what happens."""
    if once and camera:
        raise click.UsageError("--once plays synthetic people; it has no use for --camera")
    if as_json and not once:
        raise click.UsageError("--json goes with --once")
    pace = hasty_pace(ONCE_FRAMES_PER_S) if once else calm_pace(LIVE_FRAMES_PER_S)
    console = Console(quiet=as_json)
    with ExitStack() as house:
        house.enter_context(ended_by_signals())
        premises = house.enter_context(scratch_premises())
        played = Demonstration(
            premises,
            pace,
            loop=not once,
            camera=camera,
            window_s=1.0 if once else 3.0,
            trust=_absolute(trust),
            on_start=lambda name: console.print(f"[dim]đang khởi động · starting: {name}[/dim]"),
        )
        try:
            with played:
                view = show(played, console, once=once)
        except KeyboardInterrupt:
            console.print("Kết thúc. · Ended; nothing is left behind.")
            return
        if picture and view:
            save_picture(view, picture)
        verdict = played.verdict()
        click.echo(json.dumps(verdict.as_json()))
        sys.exit(0 if verdict.good else 1)


def _absolute(trust: tuple[Path, Path] | None) -> tuple[Path, Path] | None:
    return (trust[0].absolute(), trust[1].absolute()) if trust else None
