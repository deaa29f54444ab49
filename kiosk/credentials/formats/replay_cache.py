"""Remembers the holder proofs of rotating passes, so that a copied code is accepted only once."""

from collections import OrderedDict

from kiosk.core.model import ClockQuality, ClockReading

PROOF_CLOCK_SKEW_S = 60.0
"""Maximum difference between the holder's clock and the kiosk's."""
MAX_CACHED_PROOFS = 10_000


class ReplayCache:
    """Proofs that were shown already, kept for as long as they could be shown again. One thread."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[bytes, int], float] = OrderedDict()
        self._newest: OrderedDict[bytes, int] = OrderedDict()
        """Unix time of the newest proof of each pass. An unset clock cannot check the age of a proof, only the order."""

    def add_if_new(self, serial: bytes, proof_s: int, now: ClockReading) -> bool:
        """Remember a proof. False if it was remembered before, or if the clock is unset and a newer one was."""
        while self._seen:
            first, seen_s = next(iter(self._seen.items()))
            if now.monotonic_s - seen_s <= 2 * PROOF_CLOCK_SKEW_S and len(self._seen) < MAX_CACHED_PROOFS:
                break
            del self._seen[first]
        newest_s = self._newest.get(serial, -1)
        if (serial, proof_s) in self._seen or (now.quality is ClockQuality.UNSET and proof_s <= newest_s):
            return False
        self._seen[serial, proof_s] = now.monotonic_s
        self._newest[serial] = max(proof_s, newest_s)
        self._newest.move_to_end(serial)
        if len(self._newest) > MAX_CACHED_PROOFS:
            self._newest.popitem(last=False)
        return True
