"""The audit log: every action of guard and admin, one JSON line each, kept within two files of bounded size."""

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
    """Who did what, when, from where, and what came of it. Never a secret, never a person's data."""

    at: str
    actor: str
    address: str
    action: str
    result: str
    detail: str = ""


class AuditLog:
    """Appends to `folder`, which must exist; any thread."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / AUDIT_FILE
        self._lock = threading.Lock()

    def append(self, actor: str, address: str, action: str, result: str, detail: str = "") -> None:
        """Note an action, on disk before the answer. Raises OSError: what cannot be noted is not done."""
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
        """The newest entries, newest first; a line that is not one is left out."""
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
