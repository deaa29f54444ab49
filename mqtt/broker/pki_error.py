"""Errors of the commands of the authority."""


class PkiError(Exception):
    """The command failed. The text says what to do."""


class LockedAuthorityKeyError(PkiError):
    """The key of the authority has a password, and none was given."""
