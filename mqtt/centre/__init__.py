"""The reference centre: collects and stores events, sends receipts, and reports what is missing."""
