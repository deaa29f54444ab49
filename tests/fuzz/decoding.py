"""Coverage-guided fuzzer for the decoder cascade: `python -m tests.fuzz.decoding CORPUS_DIR -max_total_time=3600 -timeout=20`.

`judge` checks: for any image nothing is raised, and only a code that is in the image is reported. It needs atheris (a
development tool, not in the lock file). libFuzzer reports a frame that takes longer than -timeout.
"""

import sys

import numpy as np
import segno

from kiosk.core.frame import Frame, Luma

MOST_PX = 420
TEXT = b"HUE1:FUZZED PICTURE"


def drawn(data: bytes) -> tuple[Luma, bool]:
    """An image from fuzzed bytes, and True if it may show our code. The first byte selects raw pixels, cells or a damaged code."""
    kind, width, height, size = data[0] % 4, 1 + data[1] * 2, 1 + data[2] * 2, 1 + data[3] % 7
    rest = np.frombuffer(data[4:], np.uint8)
    if kind == 0:
        return np.resize(rest, (height, width)), False
    if kind == 1:
        cells = np.resize(np.unpackbits(rest), (height // size + 1, width // size + 1)) * np.uint8(255)
        return np.asarray(np.kron(cells, np.ones((size, size))), np.uint8)[:height, :width], False
    bits = [
        [bool(bit) for bit in row]
        for row in segno.make(TEXT, error="m", micro=False, version=1 + data[1] % 9).matrix_iter(border=4)
    ]
    code = np.kron(np.where(bits, 10, 240).astype(np.uint8), np.ones((size + 1, size + 1), np.uint8))[
        :MOST_PX, :MOST_PX
    ]
    if kind == 2:  # bytes as differences, stretched over the code
        stretched = np.resize(np.repeat(rest, 1 + data[2] % 64), code.shape).astype(np.int16)
        return np.asarray(np.clip(code + stretched - 128, 0, 255), np.uint8), True
    for high, low, value in rest[: len(rest) // 3 * 3].reshape(-1, 3).astype(int):
        y, x = divmod((high * 256 + low) * 7 % code.size, code.shape[1])
        code[y : y + size + 2, x : x + size + 2] = value
    return np.asarray(code, np.uint8), True


def judge(data: bytes) -> None:
    """Decode one fuzzed image as a still image, and as three frames with the cascade of the daemon."""
    from kiosk.decoding import Cascade
    from kiosk.decoding.still_image import decode_image

    picture, ours = drawn(data)
    cascade = Cascade()
    results = [cascade.decode(Frame(picture, number, number * 0.1)) for number in range(3)]
    for reading in [*decode_image(picture), *(reading for sight in results for reading in sight.codes)]:
        assert not ours or reading.data == TEXT, f"misread by {reading.stage}: {reading.data!r}"


def test_one_input(data: bytes) -> None:
    """Entry point of libFuzzer."""
    if len(data) >= 12:
        judge(data)


if __name__ == "__main__":
    import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

    with atheris.instrument_imports(include=["kiosk.decoding"]):
        import kiosk.decoding.still_image  # noqa: F401
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
