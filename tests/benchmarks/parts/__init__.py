"""Parts that several benchmarks share, or that are too long for one file."""
