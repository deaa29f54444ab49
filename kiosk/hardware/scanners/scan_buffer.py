"""Cuts what a scanner sends into codes: a code ends when the scanner is silent."""

MAX_CODE_BYTES = 8192
"""More than the largest QR code, of 7089 digits."""
SILENCE_S = 0.05
"""After a line end, the code is complete when nothing follows for this time. A code may contain line ends itself."""
LONG_SILENCE_S = 0.3
"""The same for a scanner that sends no line end. USB and a slow serial port leave shorter gaps within a code."""
LINE_ENDS = b"\r\n"


class ScanBuffer:
    """The bytes since the last silence. One thread. All times are monotonic."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._added_s = 0.0
        self._damaged = False

    @property
    def is_empty(self) -> bool:
        """Whether no code has begun."""
        return not self._data and not self._damaged

    def add(self, data: bytes, now_s: float) -> None:
        """Append what arrived."""
        self._added_s = now_s
        self._data += data
        if len(self._data) > MAX_CODE_BYTES:
            self._damaged = True
            self._data.clear()

    def mark_damaged(self, now_s: float) -> None:
        """Something of the present code was lost: the rest of it is dropped."""
        self._added_s = now_s
        self._damaged = True
        self._data.clear()

    def wait_s(self, now_s: float) -> float:
        """How long until the present code is complete, if nothing more arrives. 0: it is."""
        silence_s = SILENCE_S if self._data.endswith((b"\r", b"\n")) else LONG_SILENCE_S
        return max(0.0, self._added_s + silence_s - now_s)

    def take(self, now_s: float) -> bytes | None:
        """The complete code without its line ends, once. None while there is none, or if it was damaged."""
        if self.is_empty or self.wait_s(now_s) > 0:
            return None
        data = bytes(self._data).strip(LINE_ENDS)
        damaged, self._damaged = self._damaged, False
        self._data.clear()
        return data if data and not damaged else None
