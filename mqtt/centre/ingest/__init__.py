"""From received messages to committed events in the ledger."""
