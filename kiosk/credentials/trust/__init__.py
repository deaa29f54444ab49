"""Signed lists: whose passes are accepted and which passes are withdrawn."""
