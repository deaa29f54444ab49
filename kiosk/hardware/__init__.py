"""Drivers for cameras and GPIO. Only they import hardware libraries. Nothing is imported here, so that all_off starts fast."""
