"""Pages follow the kiosk: changed parts are pushed, seats are counted, and an end is an end."""

import dataclasses
import itertools
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.core.model import DeviceState
from kiosk.core.status import UndoStatus
from kiosk.system.translations import translator
from tests.fakes.data.status_snapshots import a_status, browsing, publish
from web_ui.kiosk.app import create_app
from web_ui.kiosk.data.daemon_status import read_daemon_status
from web_ui.kiosk.pages import guard, status
from web_ui.server import server_sent_events as live_module
from web_ui.server.server_sent_events import (
    MAX_STREAMS,
    MAX_STREAMS_PER_ADDRESS,
    Broadcaster,
    EventStream,
    PageChannel,
    TooManyStreamsError,
)
from web_ui.settings import WebSettings


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[Broadcaster]:
    publish(tmp_path, a_status())
    _, live = create_app(WebSettings(tmp_path))
    thread = threading.Thread(target=live.run)
    thread.start()
    yield live
    live.close()
    thread.join()


def until(stream: EventStream, part: str, wanted: str) -> list[dict[str, str]]:
    """The events up to the one whose part holds the wanted words (at most a hundred)."""
    heard = []
    for text in itertools.islice(stream, 100):
        heard.append(json.loads(text.removeprefix("data: ")))
        if wanted in heard[-1].get(part, ""):
            return heard
    raise AssertionError(f"{wanted!r} was never said in {part}")


def test_a_browser_first_gets_every_part_and_then_only_what_changed(tmp_path: Path, followed: Broadcaster) -> None:
    told = read_daemon_status(tmp_path).status
    assert told
    stream = followed.subscribe(PageChannel("status", "en"), "127.0.0.1")
    first = until(stream, "status_header", translator("en")("status.sentence.ready"))[-1]
    assert set(first) == set(status.STATUS_PARTS)
    publish(tmp_path, dataclasses.replace(told, state=DeviceState.OUT_OF_ORDER, checks=()))
    changed = until(stream, "status_header", translator("en")("status.sentence.out-of-order"))[-1]
    assert "checks" in changed
    assert "occupancy" not in changed
    stream.close()


@pytest.mark.parametrize("page", ["status", "guard"])
@pytest.mark.parametrize("office", [False, True], ids=["no office", "office"])
def test_every_page_is_streamed_though_its_threads_belong_to_no_request(
    tmp_path: Path, page: str, *, office: bool
) -> None:
    publish(tmp_path, a_status(undo=UndoStatus(48213, "2026-11-23T08:00:00+00:00", "in", "ok", "entry-pass", 20.0)))
    _, live = create_app(WebSettings(tmp_path, state_dir=tmp_path if office else None))
    thread = threading.Thread(target=live.run)
    thread.start()
    stream = live.subscribe(PageChannel(page, "en"), "127.0.0.1")
    first = json.loads(next(stream).removeprefix("data: "))
    publish(tmp_path, a_status(DeviceState.OUT_OF_ORDER))
    later = until(stream, "status_header" if page == "status" else "screen", 'data-state="out-of-order"')
    assert set(first) == set(status.STATUS_PARTS if page == "status" else guard.GUARD_PARTS)
    assert later
    assert ("/guard/undo" in first.get("undo", "")) is (office and page == "guard")
    stream.close()
    assert thread.is_alive()
    live.close()
    thread.join()


def test_a_killed_daemon_is_said_to_be_silent_though_nothing_changed_on_disk(
    tmp_path: Path, followed: Broadcaster
) -> None:
    stream = followed.subscribe(PageChannel("status", "vi"), "127.0.0.1")
    heard = until(stream, "status_header", "không phản hồi")
    assert translator("vi")("status.sentence.ready") in heard[0].get("status_header", "") + heard[1].get(
        "status_header", ""
    )
    stream.close()


def test_each_browser_gets_its_own_language(followed: Broadcaster) -> None:
    vi, en = followed.subscribe(PageChannel("status", "vi"), "a"), followed.subscribe(PageChannel("status", "en"), "b")
    until(vi, "status_header", translator("vi")("status.sentence.ready"))
    until(en, "status_header", translator("en")("status.sentence.ready"))
    vi.close()
    en.close()


def test_one_address_cannot_take_every_seat_and_all_together_are_bounded(followed: Broadcaster) -> None:
    streams = [followed.subscribe(PageChannel("status", "vi"), "one") for _ in range(MAX_STREAMS_PER_ADDRESS)]
    with pytest.raises(TooManyStreamsError):
        followed.subscribe(PageChannel("status", "vi"), "one")
    streams += [
        followed.subscribe(PageChannel("status", "vi"), f"other-{number}")
        for number in range(MAX_STREAMS - MAX_STREAMS_PER_ADDRESS)
    ]
    with pytest.raises(TooManyStreamsError):
        followed.subscribe(PageChannel("status", "vi"), "late")
    streams[0].close()
    streams[0].close()
    followed.subscribe(PageChannel("status", "vi"), "late").close()
    for stream in streams:
        stream.close()
    assert followed.stream_count == 0


def test_closing_ends_every_stream(tmp_path: Path) -> None:
    live = Broadcaster(changed=lambda: None, render=lambda _: {})
    stream = live.subscribe(PageChannel("status", "vi"), "127.0.0.1")
    live.close()
    assert list(stream) == []


def test_a_refused_stream_sends_the_browser_to_polling(tmp_path: Path) -> None:
    with browsing(tmp_path) as client:
        kept = [client.get("/live/status/events") for _ in range(MAX_STREAMS_PER_ADDRESS)]
        refused = client.get("/live/status/events")
        assert refused.status_code == 503
        assert refused.headers["Retry-After"]
        assert client.get("/live/status/parts?lang=en").json is not None
        for answer in kept:
            answer.close()


def test_an_event_is_one_line_whatever_the_parts_hold() -> None:
    said = live_module.format_event({"status_header": "a\nb\r\nc\u2028"})
    assert said.count("\n") == 2
    assert json.loads(said.removeprefix("data: ")) == {"status_header": "a\nb\r\nc\u2028"}
