"""The errors of a ledger."""


class LedgerError(Exception):
    """The ledger cannot be read or written at present. No message is at fault. The text is for the operator of the centre."""


class LedgerFullError(LedgerError):
    """The disk is full."""
