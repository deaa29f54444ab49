"""Data of the pages, from status.json and the event database."""
