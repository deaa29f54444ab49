"""How much of the ledger one device may fill. What exceeds a limit is counted by its code, and the status shows it."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

Key = TypeVar("Key", bound=tuple[Any, ...])

MAX_RANGES = 2000
"""Ranges of seqs in one epoch. Each message of the epoch costs work in proportion to them."""
MAX_SEQ_JUMP = 1_000_000_000
"""How far a seq may be beyond the newest one of its epoch: more than a century of a busy gate."""
MAX_EPOCHS = 500
MAX_NOTICES = 5000
MAX_REJECTED = 1000
MAX_BOOTS = 2000

TOO_MANY_GAPS = "too-many-gaps"
SEQ_TOO_FAR = "seq-too-far"
TOO_MANY_EPOCHS = "too-many-epochs"
TOO_MANY_NOTICES = "too-many-notices"
TOO_MANY_REJECTED = "too-many-rejected"
TOO_MANY_BOOTS = "too-many-boots"


def keys_over_limit(new: Iterable[Key], stored: Mapping[int, int], limit: int) -> list[Key]:
    """Those new keys that find no room. Each begins with a device number. `stored`: how many rows each device has."""
    count = dict(stored)
    over = []
    for key in new:
        device = key[0]
        if count.get(device, 0) >= limit:
            over.append(key)
        else:
            count[device] = count.get(device, 0) + 1
    return over
