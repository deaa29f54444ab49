"""Copies of a centre: all tables and files in one encrypted stream, restored onto an empty machine or into another database."""
