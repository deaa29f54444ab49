"""`kiosk web` as a separate process on a free port, for tests, benchmarks and screenshots."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def served(*arguments: str | Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run the web server. Yields its address and its process, which is terminated at the end."""
    command = [sys.executable, "-m", "kiosk.cli", "web", "--port", "0", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        found = re.fullmatch(r"web: (http://127\.0\.0\.1:\d+/)\n", line)
        assert found, line
        try:
            yield found[1], process
        finally:
            process.terminate()
