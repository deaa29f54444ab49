"""The last log lines for the web UI: the daemon's in small files in memory, the web UI's own in its process.

Their size is limited, and they are never on the SD card (docs/decisions/0036). A line may contain what the journal may contain:
no personal data.
"""

import json
import logging
import os
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

LOG_FILE, PREVIOUS_LOG_FILE = "log.jsonl", "log.1.jsonl"
MAX_FILE_BYTES = 128 * 1024
"""Of the file and of the previous one. Together they hold about a thousand lines."""
MAX_TEXT_CHARS = 2_000
"""Characters per line. The number of cut characters is appended."""
RECENT_LINES = 500


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a log."""

    at: str
    """UTC, ISO 8601."""
    level: str
    """`DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL`."""
    logger: str
    text: str


def configure_logging(level: int = logging.INFO) -> None:
    """Log to stderr, with a time only if the journal does not add one. For long-running commands."""
    in_journal = "JOURNAL_STREAM" in os.environ  # systemd.exec(5): stderr goes to the journal
    form = "%(levelname)s %(name)s: %(message)s" if in_journal else "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=level, stream=sys.stderr, format=form, force=True)


class LogFileHandler(logging.Handler):
    """Keeps the last lines in two files of limited size in `run_dir`. Counts lines that it cannot write. Any thread."""

    def __init__(self, run_dir: Path) -> None:
        super().__init__()
        self._path = run_dir / LOG_FILE
        self.lost_lines = 0
        """Lines that were not written because the folder is full or missing."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line. Errors are only counted: a full folder in memory must not disturb the gate."""
        line = json.dumps(asdict(_format_line(record, self.format(record)))).encode() + b"\n"
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
            try:
                if os.fstat(descriptor).st_size + len(line) > MAX_FILE_BYTES:
                    self._path.replace(self._path.with_name(PREVIOUS_LOG_FILE))
                    os.close(descriptor)
                    descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
                os.write(descriptor, line)
            finally:
                os.close(descriptor)
        except OSError:
            self.lost_lines += 1


class LogBuffer(logging.Handler):
    """Keeps the last lines in this process. Any thread."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[LogLine] = deque(maxlen=RECENT_LINES)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line."""
        self._lines.append(_format_line(record, self.format(record)))

    def tail(self) -> tuple[LogLine, ...]:
        """Oldest first."""
        self.acquire()
        try:
            return tuple(self._lines)
        finally:
            self.release()


@contextmanager
def log_file_handler(run_dir: Path) -> Iterator[None]:
    """In this context, this process also logs to files in `run_dir`."""
    file = LogFileHandler(run_dir)
    logging.getLogger().addHandler(file)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(file)


def read_log_tail(run_dir: Path) -> tuple[LogLine, ...]:
    """Log lines of the daemon and of its previous run, oldest first. Invalid lines are skipped. Never raises."""
    return tuple(line for name in (PREVIOUS_LOG_FILE, LOG_FILE) for line in _read_lines(run_dir / name))


def _read_lines(path: Path) -> Iterator[LogLine]:
    try:
        with path.open("rb") as file:
            raw = file.read(2 * MAX_FILE_BYTES)
    except OSError:
        return
    for each in raw.decode("utf-8", "replace").split("\n"):
        try:
            found = LogLine(**json.loads(each))
        except (ValueError, TypeError, RecursionError):
            continue
        values = asdict(found).values()
        if all(isinstance(value, str) for value in values) and _is_time(found.at):
            yield LogLine(*map(_encodable, values))


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _format_line(record: logging.LogRecord, text: str) -> LogLine:
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    if len(text) > MAX_TEXT_CHARS:
        text = f"{text[:MAX_TEXT_CHARS]} … (+{len(text) - MAX_TEXT_CHARS})"
    return LogLine(at, record.levelname, record.name[:100], _encodable(text))


def _encodable(text: str) -> str:
    """Replace lone surrogates (a file name that was not UTF-8) by escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
