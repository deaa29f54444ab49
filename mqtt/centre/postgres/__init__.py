"""Statements of the PostgreSQL ledger, by table. Each works on all devices of a batch at once."""
