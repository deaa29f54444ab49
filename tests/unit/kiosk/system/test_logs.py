"""The last log lines: limited size, whole lines, also of the previous run, and a full disk does not disturb the gate."""

import logging
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk.system import logs
from kiosk.system.logs import LOG_FILE, MAX_FILE_BYTES, MAX_TEXT_CHARS, RECENT_LINES, LogBuffer, LogFileHandler, LogLine

log = logging.getLogger("test.logbook")
log.setLevel(logging.INFO)


def texts(run_dir: Path) -> list[str]:
    return [line.text for line in logs.read_log_tail(run_dir)]


def test_lines_are_kept_in_order_with_time_level_and_logger(tmp_path: Path) -> None:
    with logs.log_file_handler(tmp_path):
        log.warning("the camera gives %s", "nothing")
    log.warning("after the end")
    (line,) = logs.read_log_tail(tmp_path)
    assert (line.level, line.logger, line.text) == ("WARNING", "test.logbook", "the camera gives nothing")
    assert line.at.endswith("+00:00")


def test_after_a_restart_the_lines_of_the_previous_run_are_kept(tmp_path: Path) -> None:
    for text in ("ends by an error", "has started"):
        with logs.log_file_handler(tmp_path):
            log.error(text)
    assert texts(tmp_path) == ["ends by an error", "has started"]


def test_the_files_stay_small_and_keep_the_newest_lines(tmp_path: Path) -> None:
    with logs.log_file_handler(tmp_path):
        for number in range(3000):
            log.info("line %d %s", number, "x" * 200)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2 * MAX_FILE_BYTES
    kept = texts(tmp_path)
    assert kept[-1].startswith("line 2999 ")
    assert [int(text.split()[1]) for text in kept] == list(range(3000 - len(kept), 3000))


def test_a_line_of_64_kb_is_cut_and_marked(tmp_path: Path) -> None:
    with logs.log_file_handler(tmp_path):
        log.info("x" * 65_536)
    assert texts(tmp_path) == ["x" * MAX_TEXT_CHARS + " … (+63536)"]


def test_line_breaks_and_invalid_characters_stay_within_their_line(tmp_path: Path) -> None:
    kept = LogFileHandler(
        tmp_path
    )  # called directly: pytest would keep the line too and cannot send a lone surrogate to its parent
    for text in ("one\ntwo\r\u2028three\udcff", "next"):
        kept.handle(logging.LogRecord("x", logging.INFO, "", 0, text, None, None))
    kept.close()
    assert texts(tmp_path) == ["one\ntwo\r\u2028three\\udcff", "next"]


def test_a_traceback_is_part_of_its_line(tmp_path: Path) -> None:
    with logs.log_file_handler(tmp_path):
        try:
            int("the lens fell off")
        except ValueError:
            log.exception("camera")
    assert "the lens fell off" in texts(tmp_path)[0]


def test_lines_that_cannot_be_written_are_only_counted(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    (run_dir / LOG_FILE).symlink_to("/dev/full")
    full = LogFileHandler(run_dir)
    full.handle(logging.LogRecord("x", logging.INFO, "", 0, "never written", None, None))
    assert full.lost_lines == 1
    (run_dir / LOG_FILE).unlink()
    run_dir.rmdir()
    full.handle(logging.LogRecord("x", logging.INFO, "", 0, "never written", None, None))
    assert full.lost_lines == 2


def test_the_file_is_not_readable_by_other_users(tmp_path: Path) -> None:
    before = os.umask(0o027)  # as the unit sets it
    try:
        with logs.log_file_handler(tmp_path):
            log.info("x")
    finally:
        os.umask(before)
    assert (tmp_path / LOG_FILE).stat().st_mode & 0o777 == 0o640


@given(raw=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_file_content_raises(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / LOG_FILE).write_bytes(raw)
    assert all(isinstance(line, LogLine) for line in logs.read_log_tail(tmp_path))


@pytest.mark.parametrize(
    "raw",
    [b"[" * 100_000, b'{"at": 1, "level": "INFO", "where": "x", "text": "y"}', b'{"at": "x", "level": "INFO"}', b"[]"],
)
def test_invalid_lines_are_skipped(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / LOG_FILE).write_bytes(raw + b"\n")
    assert logs.read_log_tail(tmp_path) == ()


def test_the_log_buffer_keeps_the_newest_lines() -> None:
    recent = LogBuffer()
    for number in range(RECENT_LINES + 5):
        recent.handle(logging.LogRecord("web", logging.INFO, "", 0, f"{number}", None, None))
    kept = recent.tail()
    assert len(kept) == RECENT_LINES
    assert kept[-1].text == str(RECENT_LINES + 4)
