"""Instructions per empty frame, counted by callgrind: `python -m tests.benchmarks.reading_instructions`. Needs valgrind and 10 min.

The count of a short run is subtracted from that of a longer one, which removes the start. Saved in build/bench/reading_counts.json.
"""

import re
import subprocess
import sys
from collections.abc import Callable

from pyzbar import pyzbar

from kiosk.core.frame import Frame, Luma
from kiosk.decoding import Cascade
from kiosk.decoding.engines import zxing
from kiosk.decoding.still_image import decode_image
from tests.benchmarks.table import Row, keep, show
from tests.fakes.data.reading_frames import code_frames

WAYS = (
    "pyzbar default",
    "pyzbar QR only",
    "zxing-cpp QR only",
    "our cascade",
    "our cascade, still scene, motion gate on",
)
SHORT, LONG = 2, 8


def look(way: str, pictures: list[Luma]) -> Callable[[int], object]:
    """The function whose instructions are counted."""
    if way == WAYS[0]:
        return lambda i: pyzbar.decode(pictures[i])
    if way == WAYS[1]:
        return lambda i: pyzbar.decode(pictures[i], symbols=[pyzbar.ZBarSymbol.QRCODE])
    if way == WAYS[2]:
        return lambda i: zxing.scan_qr_codes(pictures[i], "zxing")
    if way == WAYS[3]:
        return lambda i: decode_image(pictures[i])
    cascade = Cascade()
    for number in range(12):  # until the motion gate is closed
        cascade.decode(Frame(pictures[0], number, number * 0.1))
    return lambda i: cascade.decode(Frame(pictures[0], 12 + i, 1.2 + i * 0.001))


def counted(way: str, frames: int) -> int:
    """Instructions of a process that decodes `frames` frames."""
    command = [
        "valgrind",
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        sys.executable,
        "-m",
        __spec__.name,
        way,
        str(frames),
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1])


def main() -> None:
    """Count all variants. With arguments: run one of them, as the counted process."""
    if len(sys.argv) == 3:
        pictures = [shot.luma() for shot in code_frames() if shot.text is None][: LONG * 25 : 25]
        go = look(sys.argv[1], pictures)
        for i in range(int(sys.argv[2])):
            go(i)
        return
    per_frame = {way: (counted(way, LONG) - counted(way, SHORT)) / (LONG - SHORT) / 1e6 for way in WAYS}
    reference = per_frame[WAYS[0]]
    rows = [
        Row(
            f"{way}: instructions per empty frame",
            round(count, 2),
            "million",
            round(reference, 1),
            round(count / reference, 5),
        )
        for way, count in per_frame.items()
    ]
    show("reading_counts", rows)
    keep("reading_counts", rows)


if __name__ == "__main__":
    main()
