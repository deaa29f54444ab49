"""The daemon: from frame to light to record."""
