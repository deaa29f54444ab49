"""Statements of the SQLite ledger, by table. Each works on all devices of a batch at once."""
