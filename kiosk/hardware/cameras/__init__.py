"""Camera drivers, one per kind of camera."""
