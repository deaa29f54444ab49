"""The audit log: every action of guard and admin as one JSON line, in two files of limited size."""

import json
import os
import threading
from collections import deque
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

AUDIT_FILE = "audit.jsonl"
MAX_BYTES = 1_000_000
MAX_DETAIL_LENGTH = 200


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what, when, from where, and the result. It contains no secret and no personal data."""

    at: str
    actor: str
    address: str
    action: str
    result: str
    detail: str = ""


class AuditLog:
    """The log in `folder`, which must exist. Any thread."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / AUDIT_FILE
        self._lock = threading.Lock()

    def append(self, actor: str, address: str, action: str, result: str, detail: str = "") -> None:
        """Write an action to disk before it is done. Raises OSError: an action that cannot be logged is not done."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        line = json.dumps(
            asdict(AuditEntry(at, actor, address, action, result, detail[:MAX_DETAIL_LENGTH])), ensure_ascii=False
        )
        with self._lock:
            if self._path.exists() and self._path.stat().st_size > MAX_BYTES:
                self._path.replace(self._path.with_suffix(".1.jsonl"))
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(descriptor, line.encode() + b"\n")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def newest(self, count: int) -> tuple[AuditEntry, ...]:
        """The newest entries, newest first, without unreadable lines."""
        try:
            with self._path.open(encoding="utf-8", errors="replace") as file:
                lines = deque(file, maxlen=count)
        except OSError:
            return ()
        found = []
        for line in reversed(lines):
            try:
                found.append(AuditEntry(**json.loads(line)))
            except (ValueError, TypeError):
                continue
        return tuple(found)
