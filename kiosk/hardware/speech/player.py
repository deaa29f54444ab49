"""Plays samples through ALSA with the program aplay. A new announcement stops the one before."""

import contextlib
import os
import subprocess
from typing import Protocol

from kiosk.hardware.speech.recordings import Recording, RecordingError


class Player(Protocol):
    """A loudspeaker. Calls return at once. One thread."""

    def play(self, recording: Recording) -> None:
        """Stop what is being played, and play this. Raises RecordingError with the words of the sound system."""

    def close(self) -> None:
        """Stop what is being played."""


class AplayPlayer:
    """A Player over `aplay` of alsa-utils. The samples lie in a file in memory, so that no write waits for the loudspeaker."""

    def __init__(self, device: str = "default", program: str = "aplay") -> None:
        """`device`: the name of an ALSA device, as `aplay -L` lists them."""
        self._device = device
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    def play(self, recording: Recording) -> None:
        """See Player. The failure of an announcement is raised by the next call, when aplay has ended."""
        failed = self._end()
        command = [self._program, "-q", "-D", self._device, "-t", "raw", "-f", "S16_LE", "-c", "1"]
        memory = os.memfd_create("announcement")
        try:
            os.write(memory, recording.samples)
            os.lseek(memory, 0, os.SEEK_SET)
            self._process = subprocess.Popen(
                [*command, "-r", str(recording.rate_hz)],
                stdin=memory,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            raise RecordingError(f"{self._program}: {error}. Install it: sudo apt install alsa-utils") from None
        finally:
            os.close(memory)
        if failed:
            raise RecordingError(f"{self._program}: {failed}")

    def wait(self, timeout_s: float) -> None:
        """Wait until all is played, for commands that play once. Raises RecordingError."""
        if self._process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        failed = self._end()
        if failed:
            raise RecordingError(f"{self._program}: {failed}")

    def close(self) -> None:
        """See Player."""
        self._end()

    def _end(self) -> str:
        """Stop the process. Returns what it complained about before."""
        process, self._process = self._process, None
        if process is None:
            return ""
        status = process.poll()
        if status is None:
            process.terminate()
        _, complaint = process.communicate()
        return complaint.decode("utf-8", "replace").strip()[-200:] if status else ""
