"""Entry point of the daemon for systemd: `python -m kiosk.app.start --config FILE`.

`kiosk run` does the same in a shell. It imports click and searches for commands of other packages. This would cost the
daemon 3 MB of memory (docs/decisions/0029).
"""

import argparse
import sys
from pathlib import Path

from kiosk import config
from kiosk.core.ports import KioskError
from kiosk.system.logs import configure_logging


def run_from_config(path: Path, source: str | None = None) -> None:
    """Run the kiosk until SIGTERM. `source`: another camera than the configured one. Raises KioskError."""
    settings = config.load_settings(path)
    from kiosk.app import daemon  # noqa: PLC0415  slow to import: mistakes in the file are reported before

    if source is not None:
        camera = config.camera_with_source(source, settings.camera)
        settings = settings.model_copy(update={"camera": camera})
    daemon.run_daemon(settings, () if source is None else ("camera.source",))


def main() -> None:
    """Run the daemon. A KioskError is printed without a traceback, and the exit status is 1."""
    parser = argparse.ArgumentParser(
        prog="python -m kiosk.app.start", description="Run the kiosk until SIGTERM.", allow_abbrev=False
    )
    parser.add_argument("--config", type=Path, default=config.DEFAULT_PATH, metavar="FILE")
    parser.add_argument("--camera", metavar="SOURCE", help="instead of the configured one")
    options = parser.parse_args()
    configure_logging()
    try:
        run_from_config(options.config, options.camera)
    except KioskError as error:
        sys.exit(f"kiosk: {error}")


if __name__ == "__main__":
    main()
