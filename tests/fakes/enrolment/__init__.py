"""Kiosks that enrol and renew, for tests."""
