"""The lines of a copy: a header, tables with their rows, and a trailer. Each line is JSON. Pure.

A row is a list. Bytes are a list with their Base64. Times are texts in UTC, whatever database they come from.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

FORMAT = "entrance-centre-copy"
VERSION = 1
_MASK = (1 << 128) - 1
Value = None | int | float | str | bytes
Row = Sequence[Value]


class CopyError(Exception):
    """A copy cannot be made or used. The text says why and what to do."""


@dataclass(slots=True)
class TableSum:
    """Number of rows, and a sum of their hashes that does not depend on their order."""

    rows: int = 0
    total: int = 0

    def add(self, line: bytes) -> None:
        """Count one row, as `row_line` wrote it."""
        self.rows += 1
        self.total = (self.total + int.from_bytes(hashlib.sha256(line).digest()[:16])) & _MASK

    @property
    def digest(self) -> str:
        """Hexadecimal, with the number of rows."""
        return f"{self.rows}:{self.total:032x}"


@dataclass(frozen=True, slots=True)
class CopyHeader:
    """What stands before the tables."""

    kind: str
    """`sqlite` or `postgresql`."""
    schema: int
    """Steps of the ledger's schema."""
    parts: Mapping[str, int]
    """Steps of the other parts."""
    counts: Mapping[str, int]
    """Rows of each table."""
    release: str
    made_at: str


@dataclass(frozen=True, slots=True)
class CopyTrailer:
    """What stands at the end. A copy without it was cut off."""

    sums: Mapping[str, str]
    """`TableSum.digest` of each table."""
    audit_head: str
    ranges: int
    """Events that the ranges of sequence numbers contain."""
    files: Sequence[str] = field(default=())
    keys: Mapping[str, str] = field(default_factory=dict)
    """Private keys by path, with the SHA-256 of their public halves. They are not in the copy."""


def row_line(row: Row) -> bytes:
    """One row as a line."""
    values = [[base64.b64encode(value).decode("ascii")] if isinstance(value, bytes) else value for value in row]
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"


def parse_row(line: bytes) -> list[Value]:
    """The row of a line. Raises CopyError."""
    try:
        values = json.loads(line.decode("utf-8", "surrogatepass"))
        return [base64.b64decode(value[0], validate=True) if isinstance(value, list) else value for value in values]
    except (ValueError, TypeError, IndexError) as error:
        raise CopyError("a row of the copy is damaged.") from error


def object_line(kind: str, values: Mapping[str, Any]) -> bytes:
    """A line that is not a row."""
    return json.dumps({"is": kind, **values}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def parse_object(line: bytes) -> dict[str, Any]:
    """A line that is not a row. Raises CopyError."""
    try:
        found = json.loads(line)
    except ValueError as error:
        raise CopyError("a line of the copy is damaged.") from error
    if not isinstance(found, dict) or not isinstance(found.get("is"), str):
        raise CopyError("a line of the copy is damaged.")
    return found
