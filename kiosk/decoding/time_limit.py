"""A time limit on a decoder: an engine that hangs costs one frame, not the gate.

A call into C cannot be interrupted from Python. So the decoder works in a thread of its own; when a frame takes too long the
thread is left behind, counted, and a new decoder takes over. Each thread left behind holds a core, so after a few of them the
world counts as broken: the daemon stops and systemd starts it anew (docs/decisions/0007).
"""

import logging
import queue
import threading
from collections.abc import Callable

from kiosk.core.frame import Frame
from kiosk.core.model import DecodeResult
from kiosk.core.ports import Decoder, KioskError

_log = logging.getLogger(__name__)


class ReadingStuck(KioskError):
    """Several decoders hang; only a new process helps."""


class BoundedDecoder:
    """Decoder (ports.py) around others. `read` is called by one thread."""

    def __init__(self, make_decoder: Callable[[], Decoder], *, limit_s: float = 2.0, max_hung: int = 3) -> None:
        """`make` builds a decoder, in the thread that will use it."""
        self._make = make_decoder
        self._limit_s = limit_s
        self._most_stuck = max_hung
        self._worker = _Worker(make_decoder)
        self._left: list[_Worker] = []
        self.overruns = 0
        """Frames given up because reading them took too long."""

    def read(self, frame: Frame) -> DecodeResult:
        """What the decoder says, or nothing when it does not come back in time. Raises ReadingStuck when too many did not."""
        answer = self._worker.ask(frame)
        try:
            found = answer.get(timeout=self._limit_s)
        except queue.Empty:
            self._give_up(frame)
            return DecodeResult()
        if isinstance(found, DecodeResult):
            return found
        raise found

    def close(self) -> None:
        """Let the thread end when it is idle; one that hangs is left to the end of the process."""
        self._worker.dismiss()

    def _give_up(self, frame: Frame) -> None:
        self.overruns += 1
        _log.error("reading frame %d took more than %.1f s; a new decoder goes on", frame.number, self._limit_s)
        self._worker.dismiss()
        # One that was only slow ends by itself and costs nothing more; a month of slow frames is no reason to end the daemon.
        self._left = [worker for worker in (*self._left, self._worker) if worker.hangs]
        if len(self._left) >= self._most_stuck:
            raise ReadingStuck(
                f"{len(self._left)} readings hang, each for more than {self._limit_s} s; the daemon must start anew."
            )
        self._worker = _Worker(self._make)


Answer = queue.SimpleQueue[DecodeResult | BaseException]


class _Worker:
    """One thread with one decoder; a daemon thread, so that a hanging engine cannot hold up the end of the process."""

    def __init__(self, make_decoder: Callable[[], Decoder]) -> None:
        self._questions: queue.SimpleQueue[tuple[Frame, Answer] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, args=(make_decoder,), name="reading", daemon=True)
        self._thread.start()

    @property
    def hangs(self) -> bool:
        """Still at work, after it was dismissed."""
        return self._thread.is_alive()

    def ask(self, frame: Frame) -> Answer:
        answer: Answer = queue.SimpleQueue()
        self._questions.put((frame, answer))
        return answer

    def dismiss(self) -> None:
        self._questions.put(None)

    def _work(self, make_decoder: Callable[[], Decoder]) -> None:
        decoder = make_decoder()
        while (question := self._questions.get()) is not None:
            frame, answer = question
            try:
                answer.put(decoder.read(frame))
            except Exception as trouble:  # noqa: BLE001  it is raised again in the thread that asked
                answer.put(trouble)
