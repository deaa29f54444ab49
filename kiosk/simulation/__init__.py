"""The demo: the real product as real processes, with synthetic people in front of its camera."""
