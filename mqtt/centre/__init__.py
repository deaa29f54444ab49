"""The reference centre: collects, keeps, answers with receipts, and proves that nothing is missing."""
