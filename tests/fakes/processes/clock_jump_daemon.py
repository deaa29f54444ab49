"""The real daemon with an adjustable wall clock: `python -m tests.fakes.processes.clock_jump_daemon FILE CONFIG`.

The file has the offset of the clock in seconds. Replacing the file sets the clock, as a technician or time server does.
"""

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from kiosk import config
from kiosk.app import daemon
from kiosk.core.model import ClockReading
from kiosk.system.clock import SystemClock
from kiosk.system.logs import configure_logging


class JumpedClock:
    """The clocks of the machine. The wall clock has the offset in the file."""

    def __init__(self, file: Path) -> None:
        self._clock = SystemClock()
        self._file = file

    def now(self) -> ClockReading:
        """May be called from any thread."""
        reading = self._clock.now()
        return replace(
            reading, utc_at=reading.utc_at + timedelta(seconds=float(self._file.read_text(encoding="ascii")))
        )


def main() -> None:
    """Run the daemon."""
    configure_logging()
    daemon.run_daemon(config.load_settings(Path(sys.argv[2])), clock=JumpedClock(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
