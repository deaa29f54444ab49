"""`python -m tests.benchmarks.run [NAME...]`: run tests/benchmarks/NAME.py, print its table, save it in build/bench/NAME.json.

Each benchmark has `run(quick: bool) -> list[Row]`. QUICK=1 in the environment makes it quick. Exits 1 for an unknown name.
"""

import importlib
import os
import sys
from pathlib import Path

from tests.benchmarks import table


def names() -> list[str]:
    """Names of all benchmarks."""
    paths = sorted(Path(__file__).parent.glob("*.py"))
    return [path.stem for path in paths if "\ndef run(quick: bool)" in path.read_text(encoding="utf-8")]


def main(wanted: list[str]) -> int:
    """Run the benchmarks named, or all."""
    unknown = [name for name in wanted if name not in names()]
    if unknown:
        print(f"No such benchmark: {', '.join(unknown)}. There are: {', '.join(names())}.", file=sys.stderr)
        return 1
    quick = os.environ.get("QUICK", "") not in ("", "0")
    for name in wanted or names():
        rows = importlib.import_module(f"tests.benchmarks.{name}").run(quick)
        table.show(name, rows)
        print(f"saved in {table.keep(name, rows)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
