"""A code of a scanner ends with silence: however the bytes are cut on their way, whatever is in them."""

from hypothesis import given
from hypothesis import strategies as st

from kiosk.hardware.scanners.scan_buffer import LONG_SILENCE_S, MAX_CODE_BYTES, SILENCE_S, ScanBuffer

TEXT = (
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=200)
    .map(str.encode)
    .filter(lambda data: data.strip(b"\r\n"))
)


@given(TEXT, st.lists(st.integers(1, 40), max_size=40), st.sampled_from([b"", b"\r", b"\n", b"\r\n"]))
def test_a_code_is_whole_however_it_is_cut(code: bytes, cuts: list[int], line_end: bytes) -> None:
    buffer, rest, now_s = ScanBuffer(), code + line_end, 0.0
    for cut in [*cuts, len(rest)]:
        if not rest:
            break
        buffer.add(rest[:cut], now_s)
        rest, now_s = rest[cut:], now_s + SILENCE_S / 4
        assert buffer.take(now_s) is None
    assert buffer.take(now_s + LONG_SILENCE_S * 1.1) == code.strip(b"\r\n")
    assert buffer.is_empty


def test_after_a_line_end_a_short_silence_is_enough() -> None:
    buffer = ScanBuffer()
    buffer.add(b"KP1:abc\r\n", 10.0)
    assert buffer.take(10.0 + SILENCE_S * 0.9) is None
    assert buffer.take(10.0 + SILENCE_S * 1.1) == b"KP1:abc"
    assert buffer.take(11.0) is None


def test_a_line_end_within_a_code_does_not_cut_it() -> None:
    buffer = ScanBuffer()
    buffer.add(b"line one\n", 0.0)
    buffer.add(b"line two\r", 0.01)
    assert buffer.take(0.01 + SILENCE_S * 1.1) == b"line one\nline two"


def test_line_ends_alone_are_no_code() -> None:
    buffer = ScanBuffer()
    buffer.add(b"\r\n\r\n", 0.0)
    assert buffer.take(1.0) is None
    assert buffer.is_empty


def test_a_flood_of_bytes_is_dropped_whole_and_the_next_code_is_read() -> None:
    buffer = ScanBuffer()
    for step in range(20):
        buffer.add(b"x" * (MAX_CODE_BYTES // 8), step * 0.01)
    assert buffer.take(1.0) is None
    buffer.add(b"KP1:abc\r", 2.0)
    assert buffer.take(2.0 + SILENCE_S * 1.1) == b"KP1:abc"


def test_a_code_of_which_something_was_lost_is_dropped_whole() -> None:
    buffer = ScanBuffer()
    buffer.add(b"KP1:", 0.0)
    buffer.mark_damaged(0.01)
    buffer.add(b"abc\r", 0.02)
    assert buffer.take(1.0) is None
