"""The audit log: every action of guard and admin as one JSON line, in two files of limited size."""

import errno
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from kiosk.core.ports import KioskError

AUDIT_FILE = "audit.jsonl"
OLDER_SUFFIX = ".1.jsonl"
"""Of the file that was full."""
MAX_BYTES = 1_000_000
MAX_DETAIL_LENGTH = 200


class AuditLogError(KioskError):
    """An action cannot be logged, so it is not done."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(f"{path} cannot be written: {error.strerror or error}")
        self.errno = error.errno


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what, when, from where, and the result. It contains no secret, and of people only the names of guards."""

    at: str
    actor: str
    address: str
    action: str
    result: str
    detail: str = ""
    name: str = ""
    """Of the guard. Empty for the administrator, and in entries of a time when guards had one PIN."""


class AuditLog:
    """The log in `folder`, which must exist. Any thread."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / AUDIT_FILE
        self._lock = threading.Lock()

    def append(self, actor: str, address: str, action: str, result: str, detail: str = "", *, name: str = "") -> None:
        """Write an action to disk before it is done. Raises AuditLogError: an action that cannot be logged is not done."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        entry = AuditEntry(at, actor, address, action, result, detail[:MAX_DETAIL_LENGTH], name)
        line = json.dumps(asdict(entry), ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        with self._lock:
            try:
                self._append_line(line)
            except OSError as error:
                raise AuditLogError(self._path, error) from error

    def _append_line(self, line: bytes) -> None:
        """One line, whole or not at all. Raises OSError."""
        if self._path.exists() and self._path.stat().st_size > MAX_BYTES:
            self._path.replace(self._path.with_suffix(OLDER_SUFFIX))
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":  # cut off by a power cut or a full disk
                line = b"\n" + line
            written = os.write(descriptor, line)
            if written < len(line):  # the disk took a part
                os.ftruncate(descriptor, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def entries(self) -> Iterator[AuditEntry]:
        """All entries of both files, newest first, without unreadable lines."""
        for path in (self._path, self._path.with_suffix(OLDER_SUFFIX)):
            try:
                lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            except OSError:
                continue
            for line in reversed(lines):
                try:
                    entry = AuditEntry(**json.loads(line))
                    datetime.fromisoformat(entry.at)
                except (ValueError, TypeError):
                    continue
                yield entry
