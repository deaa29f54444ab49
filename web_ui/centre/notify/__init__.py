"""Tells people about alerts, and sends them the report of their areas."""
