"""Recordings as WAV files, one for each message and language: `FOLDER/LANGUAGE/MESSAGE.wav`."""

import wave
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kiosk.core.ports import KioskError

MAX_BYTES = 2_000_000
"""Twenty seconds of 48 kHz. A longer file was not meant for a gate."""
PAUSE_S = 0.4
"""Between the outcome and its reason."""
FULL_PERCENT = 100


class RecordingError(KioskError):
    """A recording cannot be played, with the file and the reason."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Mono samples of 16 bits."""

    samples: bytes
    rate_hz: int


def read_recording(path: Path) -> Recording:
    """Read a WAV file. Raises RecordingError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RecordingError(f"{path}: larger than {MAX_BYTES // 1_000_000} MB")
        with wave.open(str(path)) as found:
            if (found.getnchannels(), found.getsampwidth()) != (1, 2):
                raise RecordingError(f"{path}: save it as mono with 16 bits")
            return Recording(found.readframes(found.getnframes()), found.getframerate())
    except (OSError, EOFError, wave.Error) as error:
        raise RecordingError(f"{path}: {error}") from None


def joined(recordings: Sequence[Recording], percent: int) -> Recording:
    """One after the other with pauses, at this volume. All have one rate, else RecordingError. At least one is needed."""
    rate_hz = recordings[0].rate_hz
    if any(one.rate_hz != rate_hz for one in recordings):
        raise RecordingError(f"the recordings have different rates: {sorted({one.rate_hz for one in recordings})} Hz")
    pause = bytes(2 * int(PAUSE_S * rate_hz))
    samples = pause.join(one.samples for one in recordings)
    return Recording(samples if percent >= FULL_PERCENT else _quieter(samples, percent), rate_hz)


def _quieter(samples: bytes, percent: int) -> bytes:
    values = array("h", samples)
    return array("h", (value * percent // FULL_PERCENT for value in values)).tobytes()


class RecordingFolders:
    """Finds a recording: the site's own folder first, then the one that ships. Files are read again when they change."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._cache: dict[Path, tuple[int, Recording]] = {}

    def find(self, message: str, language: str) -> Recording:
        """The recording of a message. Raises RecordingError if there is none."""
        for folder in self._folders:
            path = folder / language / f"{message}.wav"
            try:
                changed_ns = path.stat().st_mtime_ns
            except OSError:
                continue
            if self._cache.get(path, (0,))[0] != changed_ns:
                self._cache[path] = (changed_ns, read_recording(path))
            return self._cache[path][1]
        looked = " or ".join(str(folder / language) for folder in self._folders)
        raise RecordingError(f"there is no {message}.wav in {looked}. `kiosk speak make` makes all of them")
