"""The installation bundle: what it contains and how it is built."""
