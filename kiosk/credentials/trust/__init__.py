"""Signed lists: trusted keys and revoked passes."""
