"""What is done for a damaged database: it is found, moved aside or repaired, and its events are copied."""
