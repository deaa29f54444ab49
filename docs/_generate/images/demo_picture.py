"""Saves the picture of the demonstration's terminal view that the README shows."""

import subprocess
import sys

from docs._generate.blocks import IMAGES

TARGET = IMAGES / "demo.svg"


def main() -> None:
    """Play the demonstration once, and keep the view in which the last person was answered."""
    TARGET.parent.mkdir(exist_ok=True)
    subprocess.run([sys.executable, "-m", "kiosk.cli", "demo", "--once", "--picture", str(TARGET)], check=True)
