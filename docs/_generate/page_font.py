"""Makes web_ui/static/open-sans.woff2: Open Sans for Latin and Vietnamese, weights 400 to 700 in one file.

Run it by hand after `pip install brotli fontpkg-open-sans`. No other program needs these two: the file is in the repository.
Be Vietnam Pro, the font of the cards, exists in separate weights only. Two of them are three times as large.
"""

import importlib
import sys
from pathlib import Path
from typing import Any

TARGET = Path("web_ui/static/open-sans.woff2")
LETTERS = (
    range(0x20, 0x7F), range(0xA0, 0x100), (0x102, 0x103, 0x110, 0x111, 0x128, 0x129, 0x168, 0x169, 0x1A0, 0x1A1, 0x1AF, 0x1B0),
    range(0x1EA0, 0x1EFA), (0x300, 0x301, 0x303, 0x309, 0x323),
    (0x2013, 0x2014, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2026, 0x2212, 0x2264, 0x2265, 0x20AB),
)  # fmt: skip
"""Basic Latin, Latin 1, the letters of Vietnamese with their tone marks, and punctuation."""
FEATURES = ["kern", "mark", "mkmk", "ccmp", "locl", "tnum"]


def main() -> None:
    """Write the file."""
    package = importlib.import_module("fontpkg_open_sans")
    source = Path(str(package.__file__)).parent / "files/OpenSans[wdth,wght].ttf"
    font_tools: Any = importlib.import_module("fontTools.ttLib")
    subset: Any = importlib.import_module("fontTools.subset")
    instancer: Any = importlib.import_module("fontTools.varLib.instancer")
    options = subset.Options(hinting=False, layout_features=FEATURES, name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14])
    subsetter, font = subset.Subsetter(options), font_tools.TTFont(source)
    subsetter.populate(unicodes={letter for letters in LETTERS for letter in letters})
    subsetter.subset(font)
    draft = TARGET.with_suffix(".ttf")
    font.save(draft)
    font = instancer.instantiateVariableFont(font_tools.TTFont(draft), {"wdth": 100, "wght": (400, 700)})
    draft.unlink()
    font.flavor = "woff2"
    font.save(TARGET)
    sys.stdout.write(f"{TARGET}: {TARGET.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
