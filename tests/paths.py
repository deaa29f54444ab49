"""Folders that tests, benchmarks and generators use."""

from pathlib import Path

PROJECT = Path(__file__).parents[1]
DATA = PROJECT / "tests" / "data"
SHARED = PROJECT.parent / "shared"
"""Public test data beside the project: test vectors, QR images, generators."""
