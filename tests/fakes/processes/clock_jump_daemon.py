"""The real daemon with a wall clock that a file makes jump: `python -m tests.fakes.processes.clock_jump_daemon FILE CONFIG`.

The file holds seconds; whoever replaces it sets the clock, as a technician or a time server would.
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
    """The machine's clocks, the wall's off by what the file says."""

    def __init__(self, file: Path) -> None:
        self._clock = SystemClock()
        self._file = file

    def now(self) -> ClockReading:
        """Any thread."""
        moment = self._clock.now()
        return replace(moment, utc_at=moment.utc_at + timedelta(seconds=float(self._file.read_text(encoding="ascii"))))


def main() -> None:
    """Run it."""
    configure_logging()
    daemon.run_daemon(config.load_settings(Path(sys.argv[2])), clock=JumpedClock(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
