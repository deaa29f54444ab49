"""Makes the generated pages and pictures of docs/ anew: every tests/make_docs_*.py, or those named. `make docs`."""

import importlib
import sys
from pathlib import Path


def main() -> None:
    """Run each part, and say which."""
    here = Path(__file__).parent
    parts = sorted(path.stem for path in here.glob("make_docs_*.py"))
    for part in sys.argv[1:] or parts:
        print(f"docs: {part}", flush=True)
        importlib.import_module(f"tests.{part}").main()


if __name__ == "__main__":
    main()
