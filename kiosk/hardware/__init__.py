"""Drivers for cameras and GPIO: the only packages that import their libraries. Nothing is imported here, so that all_off starts fast."""
