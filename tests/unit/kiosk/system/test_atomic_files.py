"""Atomic files: readers and power cuts find the old content or the new content."""

import stat
import threading
from pathlib import Path

import pytest

from kiosk.system import atomic_files


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_has_its_old_content_until_the_new_content_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "f"
    atomic_files.write_file(path, b"old")
    (tmp_path / ".f.1.new").write_bytes(b"ne")  # left by a power cut
    assert path.read_bytes() == b"old"
    atomic_files.write_file(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_write_that_fails_keeps_the_old_content_and_leaves_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.mkdir()
    (path / "inside").touch()
    with pytest.raises(OSError, match="directory"):
        atomic_files.write_file(path, b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["f"]


@pytest.mark.parametrize("durable", [True, False])
def test_readers_never_see_a_part_while_several_threads_write(tmp_path: Path, *, durable: bool) -> None:
    path = tmp_path / "f"
    atomic_files.write_file(path, b"0" * 10_000)
    stop = threading.Event()

    def write(digit: bytes) -> None:
        while not stop.is_set():
            atomic_files.write_file(path, digit * 10_000, durable=durable)

    writers = [threading.Thread(target=write, args=(digit,)) for digit in (b"1", b"2", b"3")]
    for writer in writers:
        writer.start()
    try:
        for _ in range(200):
            content = path.read_bytes()
            assert len(content) == 10_000
            assert len(set(content)) == 1
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert [each.name for each in tmp_path.iterdir()] == ["f"]


def test_the_permissions_are_the_requested_ones_not_those_of_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    atomic_files.write_file(path, b"public", mode=0o644)
    atomic_files.write_file(path, b"secret", mode=0o600)
    assert mode_of(path) == 0o600


def test_an_update_writes_only_if_the_content_differs(tmp_path: Path) -> None:
    path = tmp_path / "folder/f"
    assert atomic_files.update_file(path, b"one")
    before = path.stat()
    assert not atomic_files.update_file(path, b"one")
    assert path.stat().st_ino == before.st_ino
    assert atomic_files.update_file(path, b"two", 0o400)
    assert mode_of(path) == 0o400


def test_a_link_changes_its_target_by_one_rename(tmp_path: Path) -> None:
    link = tmp_path / "current"
    assert atomic_files.write_link(link, "releases/1")
    assert atomic_files.write_link(link, "releases/2")
    assert not atomic_files.write_link(link, "releases/2")
    assert str(link.readlink()) == "releases/2"


@pytest.mark.parametrize("content", ["", "[1]", "{", "\udcff"])
def test_json_that_is_not_an_object_gives_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "f.json"
    assert atomic_files.read_json(path) is None
    path.write_text(content, encoding="utf-8", errors="surrogateescape")
    assert atomic_files.read_json(path) is None
    atomic_files.write_json(path, {"a": 1})
    assert atomic_files.read_json(path) == {"a": 1}
