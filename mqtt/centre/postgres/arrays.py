"""Arrays as parameters of a statement. A driver examines each value of a list. Here a list becomes one text.

The statement casts it: `%s::int[]`. The texts follow PostgreSQL's documentation, section "Array Input and Output Syntax".
"""

import re
from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

_NEEDS_ESCAPE = re.compile(r'["\\\x00]').search

Parameter = str | list[str]


def numbers(values: Iterable[int | float]) -> str:
    """Integers, or finite floats."""
    return f"{{{','.join(map(repr, values))}}}"


def words(values: Iterable[str]) -> Parameter:
    """Any texts."""
    texts = list(values)
    if not texts:
        return "{}"
    if _NEEDS_ESCAPE("".join(texts)):
        return texts
    joined = '","'.join(texts)
    return f'{{"{joined}"}}'


def times(values: Iterable[datetime]) -> str:
    """Times with a time zone. Most rows of a batch have the time of the row before."""
    texts = []
    before, text = None, ""
    for at in values:
        if at is not before:
            before, text = at, at.isoformat()
        texts.append(text)
    return f"{{{','.join(texts)}}}"


def days(values: Iterable[date]) -> str:
    """Days."""
    return f"{{{','.join(each.isoformat() for each in values)}}}"


def uuids(values: Iterable[UUID]) -> str:
    """UUIDs."""
    return f"{{{','.join(each.hex for each in values)}}}"
