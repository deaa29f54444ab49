"""The running centre and its brokers."""
