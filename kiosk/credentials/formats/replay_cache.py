"""Remembers the holder proofs of rotating passes, so that a copied code is accepted only once."""

from collections import OrderedDict

from kiosk.core.model import ClockReading

PROOF_CLOCK_SKEW_S = 60.0
"""Maximum difference between the holder's clock and the kiosk's."""
MAX_CACHED_PROOFS = 10_000


class ReplayCache:
    """Proofs that were shown already, kept for as long as they could be shown again. One thread."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[bytes, int], float] = OrderedDict()

    def add_if_new(self, serial: bytes, proof_s: int, now: ClockReading) -> bool:
        """Remember a proof. False if it was remembered before."""
        while self._seen:
            first, seen_s = next(iter(self._seen.items()))
            if now.monotonic_s - seen_s <= 2 * PROOF_CLOCK_SKEW_S and len(self._seen) < MAX_CACHED_PROOFS:
                break
            del self._seen[first]
        if (serial, proof_s) in self._seen:
            return False
        self._seen[serial, proof_s] = now.monotonic_s
        return True
