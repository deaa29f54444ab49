"""Frames for the decoding benchmarks: generated once from their seeds, cached in build/qr-frames/."""

import json
import subprocess
import sys
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from kiosk.core.frame import Luma
from kiosk.decoding.preview.image_files import list_image_files, load_luma
from tests.paths import PROJECT, SHARED

CACHE = PROJECT / "build" / "qr-frames"
FRAMES_SEED = 20261122
PEOPLE_SEED = 777
_CHARSETS = ("utf-8", "shift_jis", "gb2312", "latin-1")


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame with its expected text."""

    path: Path
    text: str | None
    """None: no code in it."""
    condition: str = ""

    def luma(self) -> Luma:
        """Load the frame."""
        return load_luma(self.path)

    def shows(self, found: list[bytes]) -> bool:
        """True if the expected text is in `found`, in any of the charsets."""
        wanted = (self.text or "").replace("\r\n", "\n")
        readings = (data.decode(charset, "replace").replace("\r\n", "\n") for data in found for charset in _CHARSETS)
        return wanted in readings


def code_frames(seed: int = FRAMES_SEED, *, quick: bool = False) -> list[Shot]:
    """600 frames with a code in 12 conditions, 200 without. `quick`: 72 and 24, generated in half a minute."""
    fewer = ("--per-condition", "6", "--empty", "24") if quick else ()
    return [_shot(folder, each) for folder, each in _made("frames", seed, fewer)]


def presentations(seed: int = PEOPLE_SEED, *, quick: bool = False) -> list[list[Shot]]:
    """60 people, each 2 s at 10 frames per second. `quick`: 8 people."""
    fewer = ("--people", "8") if quick else ()
    made = sorted(_made("presentations", seed, fewer), key=lambda pair: (pair[1]["person"], pair[1]["frame"]))
    return [
        [_shot(folder, each) for folder, each in shots]
        for _, shots in groupby(made, key=lambda pair: pair[1]["person"])
    ]


def photographs() -> list[Shot]:
    """Photographs with a text file for each."""
    pairs = ((path, path.with_suffix(".txt")) for path in list_image_files(SHARED / "qr-images" / "zxing-cpp"))
    return [Shot(path, text.read_bytes().decode("utf-8"), path.parent.name) for path, text in pairs if text.exists()]


def _shot(folder: Path, each: dict[str, Any]) -> Shot:
    return Shot(folder / each["file"], each["text"], each["cat"])


def _made(what: str, seed: int, fewer: tuple[str, ...] = ()) -> list[tuple[Path, dict[str, Any]]]:
    folder = CACHE / (f"{what}-{seed}-quick" if fewer else f"{what}-{seed}")
    meta = folder / "meta.json"  # the generator writes it last
    if not meta.exists():
        print(f"making {what} of seed {seed} in {folder} ({'a minute' if fewer else 'some minutes'}, once)", flush=True)
        tool = SHARED / "tools" / "qr_frames.py"
        subprocess.run(
            [sys.executable, tool, what, folder, "--seed", str(seed), *fewer], check=True, stdout=subprocess.DEVNULL
        )
    found = json.loads(meta.read_text(encoding="utf-8"))["frames"]
    return [(folder, each) for each in found]
