"""Handheld and fixed code scanners with USB or a serial port, beside the camera or in its place."""
