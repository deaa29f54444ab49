"""The daemon's entry as systemd starts it: `python -m kiosk.app.start --config FILE`.

`kiosk run` is the same for people. What that command line is made of (click, and the search for other packages' commands) would
stay in the daemon's memory for as long as it runs: 3 MB (docs/decisions/0029).
"""

import argparse
import sys
from pathlib import Path

from kiosk import config
from kiosk.core.ports import KioskError
from kiosk.system.logs import configure_logging


def run_from_config(path: Path, source: str | None = None) -> None:
    """Run the kiosk of this configuration until SIGTERM; `source`: another camera than the configured one. Raises KioskError."""
    settings = config.load_settings(path)
    from kiosk.app import daemon  # noqa: PLC0415  the engines take a while to load; a mistake in the file should not wait for them

    if source is not None:
        camera = config.camera_with_source(source, settings.camera)
        settings = settings.model_copy(update={"camera": camera})
    daemon.run_daemon(settings, () if source is None else ("camera.source",))


def main() -> None:
    """Our own errors end in their sentence and status 1, not in a traceback."""
    parser = argparse.ArgumentParser(
        prog="python -m kiosk.app.start", description="Run the kiosk until SIGTERM.", allow_abbrev=False
    )
    parser.add_argument("--config", type=Path, default=config.DEFAULT_PATH, metavar="FILE")
    parser.add_argument("--camera", metavar="SOURCE", help="instead of the configured one")
    asked = parser.parse_args()
    configure_logging()
    try:
        run_from_config(asked.config, asked.camera)
    except KioskError as error:
        sys.exit(f"kiosk: {error}")


if __name__ == "__main__":
    main()
