"""Makes the generated pages and pictures of docs/ anew: all generators, or those named. `make docs`."""

import importlib
import sys
from pathlib import Path


def main() -> None:
    """Run each generator, and say which."""
    paths = sorted(Path(__file__).parent.glob("*.py"))
    parts = [
        path.stem for path in paths if "\ndef main() -> None" in path.read_text(encoding="utf-8") and path.stem != "run"
    ]
    for part in sys.argv[1:] or parts:
        print(f"docs: {part}", flush=True)
        importlib.import_module(f"docs._generate.{part}").main()


if __name__ == "__main__":
    main()
