"""Accounts, sessions, roles and the audit log."""
