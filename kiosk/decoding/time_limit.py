"""A time limit for a decoder: an engine that hangs costs one frame and does not block the gate.

Python cannot interrupt a call into C. So the decoder works in its own thread. If a frame takes too long, the thread is
abandoned and counted, and a new decoder takes over. Each abandoned thread occupies a core, so after a few of them the daemon
stops and systemd restarts it (docs/decisions/0007).
"""

import logging
import queue
import threading
from collections.abc import Callable

from kiosk.core.frame import Frame
from kiosk.core.model import DecodeResult
from kiosk.core.ports import Decoder, KioskError

_log = logging.getLogger(__name__)


class DecoderHungError(KioskError):
    """Several decoders hang. Only a restart of the process helps."""


class TimeLimitedDecoder:
    """A Decoder (ports.py) that runs other decoders. One thread calls it."""

    def __init__(self, make_decoder: Callable[[], Decoder], *, limit_s: float = 2.0, max_hung: int = 3) -> None:
        """`make_decoder` builds a decoder, in the thread that will use it."""
        self._make_decoder = make_decoder
        self._limit_s = limit_s
        self._max_hung = max_hung
        self._decoder_thread = _DecoderThread(make_decoder)
        self._hung_threads: list[_DecoderThread] = []
        self.timed_out_frames = 0

    def decode(self, frame: Frame) -> DecodeResult:
        """The decoder's result, or an empty one after the time limit. Raises DecoderHungError if too many decoders hang."""
        answer = self._decoder_thread.submit(frame)
        try:
            found = answer.get(timeout=self._limit_s)
        except queue.Empty:
            self._replace_decoder(frame)
            return DecodeResult()
        if isinstance(found, DecodeResult):
            return found
        raise found

    def close(self) -> None:
        """Let the thread end when it is idle. A thread that hangs is left to the end of the process."""
        self._decoder_thread.stop()

    def _replace_decoder(self, frame: Frame) -> None:
        self.timed_out_frames += 1
        _log.error("decoding frame %d took more than %.1f s; a new decoder takes over", frame.number, self._limit_s)
        self._decoder_thread.stop()
        # A thread that was only slow ends by itself. A month of slow frames is no reason to stop the daemon.
        self._hung_threads = [worker for worker in (*self._hung_threads, self._decoder_thread) if worker.is_alive]
        if len(self._hung_threads) >= self._max_hung:
            raise DecoderHungError(
                f"{len(self._hung_threads)} decoders hang, each for more than {self._limit_s} s. The daemon must restart."
            )
        self._decoder_thread = _DecoderThread(self._make_decoder)


ResultQueue = queue.SimpleQueue[DecodeResult | BaseException]


class _DecoderThread:
    """One thread with one decoder. A daemon thread, so that a hanging engine cannot delay the end of the process."""

    def __init__(self, make_decoder: Callable[[], Decoder]) -> None:
        self._requests: queue.SimpleQueue[tuple[Frame, ResultQueue] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(make_decoder,), name="reading", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """True if the thread still works after `stop`."""
        return self._thread.is_alive()

    def submit(self, frame: Frame) -> ResultQueue:
        answer: ResultQueue = queue.SimpleQueue()
        self._requests.put((frame, answer))
        return answer

    def stop(self) -> None:
        self._requests.put(None)

    def _run(self, make_decoder: Callable[[], Decoder]) -> None:
        decoder = make_decoder()
        while (question := self._requests.get()) is not None:
            frame, answer = question
            try:
                answer.put(decoder.decode(frame))
            except Exception as error:  # noqa: BLE001  raised again in the calling thread
                answer.put(error)
