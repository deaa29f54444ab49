"""How much of the ledger one device may fill. What exceeds a limit is counted by its code, and the status shows it."""

from collections.abc import Collection, Sequence
from typing import TypeVar

Key = TypeVar("Key")

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


def split_by_room(
    wanted: Sequence[Key], stored: Collection[Key], count: int, limit: int
) -> tuple[list[Key], list[Key]]:
    """Those that are stored already or find room among `count` rows, and those that exceed the limit."""
    room = max(0, limit - count)
    kept, over = [], []
    for one in wanted:
        if one in stored:
            kept.append(one)
        elif room:
            kept.append(one)
            room -= 1
        else:
            over.append(one)
    return kept, over
