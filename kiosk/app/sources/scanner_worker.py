"""The scanner thread: hands codes of a scanner to the gate, and opens a scanner that was unplugged again."""

import logging
import time

from kiosk.app.sources.frame_slot import LatestFrameSlot
from kiosk.core.model import ScannedCode
from kiosk.core.ports import CodeScanner, ScannerError

log = logging.getLogger(__name__)

READ_TIMEOUT_S = 0.5
REOPEN_DELAY_S = 1.0


class ScannerWorker:
    """One thread calls `step`. Any thread may read `error`."""

    def __init__(self, scanner: CodeScanner, frame_slot: LatestFrameSlot) -> None:
        self._scanner = scanner
        self._frame_slot = frame_slot
        self._open = False
        self.error = "not opened yet"
        """Why the scanner cannot be read. Empty while it can."""

    def step(self) -> float:
        """Open the scanner, or wait for one code. Returns the delay until the next step, seconds."""
        try:
            if not self._open:
                self._scanner.open()
                self._open, self.error = True, ""
                log.info("the scanner is connected")
                return 0.0
            data = self._scanner.read(READ_TIMEOUT_S)
        except ScannerError as error:
            self._mark_failed(str(error))
            return REOPEN_DELAY_S
        if data is not None:
            self._frame_slot.put_scan(ScannedCode(data, time.monotonic()))
        return 0.0

    def close(self) -> None:
        """Close the scanner. The main thread, once no other thread calls `step`."""
        self._scanner.close()

    def _mark_failed(self, error: str) -> None:
        if self.error != error:
            log.error("scanner failed: %s. Retrying.", error)
        self.error = error
        self._open = False
        self._scanner.close()
