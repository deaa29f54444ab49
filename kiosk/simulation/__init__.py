"""The demonstration: the real product as real processes, with synthetic people in front of its camera."""
