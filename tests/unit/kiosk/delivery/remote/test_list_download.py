"""Downloads of lists: whatever line and server do, the whole list comes once, or the centre hears why."""

import hashlib
import random
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.delivery.remote.list_download import (
    FIRST_RETRY_S,
    MAX_ATTEMPTS_WITHOUT_PROGRESS,
    MAX_RETRY_S,
    UNREACHABLE,
    WRONG_HASH,
    DownloadAnswer,
    DownloadError,
    ListDownload,
)
from mqtt.remote.lists import ListMessage
from tests.fakes.parts.connection import ManualClock

CONTENT = random.Random(19).randbytes(1000)


def a_head(content: bytes = CONTENT, number: int = 7) -> ListMessage:
    return ListMessage(
        kind="deny",
        number=number,
        sha256=hashlib.sha256(content).hexdigest(),
        url=f"https://centre.example/lists/deny-{number}.cose",
        size_bytes=len(content),
    )


class Server:
    """Serves one file. `cuts`: after how many bytes each connection ends, then none does. Keeps what it sent."""

    def __init__(self, content: bytes = CONTENT, cuts: list[int] | None = None, *, knows_ranges: bool = True) -> None:
        self.content, self.cuts, self.knows_ranges = content, cuts or [], knows_ranges
        self.sent_bytes = 0
        self.is_up = True

    def fetch(self, url: str, first_byte: int) -> AbstractContextManager[DownloadAnswer]:
        if not self.is_up:
            raise DownloadError("the server does not answer")
        begins_at = first_byte if self.knows_ranges else 0
        limit = self.cuts.pop(0) if self.cuts else len(self.content)
        return nullcontext(DownloadAnswer(begins_at, self._chunks(self.content[begins_at:][:limit])))

    def _chunks(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), 64):
            chunk = data[start : start + 64]
            self.sent_bytes += len(chunk)
            yield chunk


class Wanting:
    """A device that wants lists."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.clock, self.server, self.folder = ManualClock(), server, folder
        self.came: list[bytes] = []
        self.failed: list[str] = []
        self.start()

    def start(self) -> None:
        """The daemon starts again."""
        self.download = ListDownload(self.folder, self.server.fetch, self, self.clock, random.Random(1))

    def on_downloaded(self, message: ListMessage, data: bytes) -> None:
        self.came.append(data)

    def on_download_failed(self, message: ListMessage, code: str) -> None:
        self.failed.append(code)

    def run(self, steps: int = 40) -> None:
        for _ in range(steps):
            self.download.step()
            self.clock.advance(MAX_RETRY_S)

    def files(self) -> list[str]:
        return [path.name for path in self.folder.iterdir()]


@pytest.fixture
def device(tmp_path: Path) -> Wanting:
    return Wanting(tmp_path, Server())


@given(cuts=st.lists(st.integers(0, 1100), max_size=8), knows_ranges=st.booleans())
def test_after_any_cuts_of_the_line_the_whole_list_comes_and_goes_on_where_it_ended(
    cuts: list[int], knows_ranges: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        device = Wanting(Path(folder), Server(cuts=list(cuts), knows_ranges=knows_ranges))
        device.download.want(a_head())
        device.run()
        assert device.came == [CONTENT]
        assert device.failed == []
        assert device.files() == []
        if knows_ranges:
            assert device.server.sent_bytes == len(CONTENT)


def test_after_a_restart_the_part_on_the_disk_is_not_sent_again(device: Wanting) -> None:
    device.server.cuts = [600]
    device.download.want(a_head())
    device.clock.advance(FIRST_RETRY_S)
    device.download.step()
    assert device.came == []
    device.start()
    device.download.want(a_head())
    device.run()
    assert (device.came, device.server.sent_bytes) == ([CONTENT], len(CONTENT))


@pytest.mark.parametrize("served", [CONTENT[:-1] + b"x", bytes(1000)])
def test_another_content_is_not_taken_and_the_centre_hears_why(device: Wanting, served: bytes) -> None:
    device.server.content = served
    device.download.want(a_head())
    device.run()
    assert (device.came, device.failed, device.files()) == ([], [WRONG_HASH], [])


def test_a_longer_file_than_the_centre_said_never_fills_the_disk(device: Wanting) -> None:
    device.server.content = bytes(1_000_000)
    device.download.want(a_head())
    device.run()
    assert device.came == []
    assert sum(path.stat().st_size for path in device.folder.iterdir()) <= len(CONTENT)


def test_a_server_that_never_answers_is_asked_less_and_less_and_then_given_up(device: Wanting) -> None:
    device.server.is_up = False
    device.download.want(a_head())
    device.run(MAX_ATTEMPTS_WITHOUT_PROGRESS)
    assert device.failed == []
    device.run(2)
    assert device.failed == [UNREACHABLE]
    device.server.is_up = True
    device.run()
    assert device.came == []


def test_a_newer_list_takes_the_place_of_an_older_one_and_of_its_part(device: Wanting) -> None:
    device.server.cuts = [600]
    device.download.want(a_head())
    device.clock.advance(FIRST_RETRY_S)
    device.download.step()
    newer = bytes(reversed(CONTENT))
    device.server.content = newer
    device.download.want(a_head(newer, 8))
    device.run()
    assert (device.came, device.files()) == ([newer], [])


def test_ten_thousand_kiosks_do_not_ask_in_the_same_second(tmp_path: Path) -> None:
    device = Wanting(tmp_path, Server())
    first = []
    for seed in range(50):
        download = ListDownload(tmp_path, device.server.fetch, device, device.clock, random.Random(seed))
        download.want(a_head())
        download.step()
        first.append(bool(device.came))
        device.came.clear()
    assert sum(first) < 5
