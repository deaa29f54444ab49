"""Makes the generated pages and pictures of docs/ anew: all generators, or those named. `make docs`."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from docs._generate.blocks import expected_files, expected_pages

HERE = Path(__file__).parent


def generators(folder: str) -> list[str]:
    """The generators of a folder (pages or images), by name. The hash of the screenshots comes last."""
    names = (path.stem for path in (HERE / folder).glob("*.py") if path.stem != "__init__")
    return [f"{folder}.{name}" for name in sorted(names, key=lambda name: (name == "source_hash", name))]


def load(name: str) -> ModuleType:
    """One generator."""
    return importlib.import_module(f"docs._generate.{name}")


def expected(generator: ModuleType) -> Iterator[tuple[Path, str]]:
    """Each text file that a generator makes wholly or in part, as it should be now."""
    yield from expected_pages(getattr(generator, "BLOCKS", {})).items()
    yield from expected_files(getattr(generator, "FILES", {})).items()


def main() -> None:
    """Run each generator, and say which."""
    for name in sys.argv[1:] or [*generators("pages"), *generators("images")]:
        print(f"docs: {name}", flush=True)
        generator = load(name)
        for path, text in expected(generator):
            path.write_text(text, encoding="utf-8")
        if hasattr(generator, "main"):
            generator.main()


if __name__ == "__main__":
    main()
